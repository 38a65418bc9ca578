//! The reclaim terms of the invented story.

use serde_json::{Value, json};

/// What a lease may be taken back for.
pub fn terms_body() -> Value {
    let refund = json!({ "prorata_refund": true });
    json!({
        "name": "Standard",
        "clauses": [
            {
                "ground": "harm.confirmed",
                "standard_ref": {
                    "uri": "https://standards.example/harm/2026",
                    "sha256": "9f2d7c1b4e8a60355d7e1f0c2b3a49687d5c4b3a29180716f5e4d3c2b1a09f8e",
                },
                "invocable_by": ["admin", "provider"],
                "action_max": "full",
                "notice": "P30D",
                "cure": "P10D",
                "approvals": { "admin": 1, "operations": 1, "legal": 1 },
                "evidence_required": true,
                "appeal": { "window": "P14D", "stays": true },
                "compensation": refund,
            },
            {
                "ground": "recall.callable",
                "invocable_by": ["provider"],
                "action_max": "full",
                "notice": "P7D",
                "approvals": { "admin": 1 },
                "compensation": { "prorata_refund": true, "multiple": "0.2" },
            },
            {
                "ground": "payment.default",
                "invocable_by": ["provider", "admin"],
                "action_max": "full",
                "notice": "P10D",
                "cure": "P10D",
                "approvals": { "admin": 1 },
                "compensation": { "prorata_refund": false },
            },
            {
                "ground": "maintenance",
                "invocable_by": ["provider"],
                "action_max": "partial",
                "notice": "P3D",
                "approvals": { "operations": 1 },
                "compensation": refund,
            },
        ],
    })
}
