//! Inventories and price lists as CSV.

use serde_json::Value;

use crate::support::client::fresh_key;
use crate::support::{Answer, Market, Organization, recall};

const SITES: &str = "site,country,power_mw,pue,pool,accelerator,gpus_per_unit,units,kw_per_unit\n";

async fn import(
    market: &Market,
    provider: &Organization,
    query: &[(&str, &str)],
    csv: impl Into<Vec<u8>>,
) -> Answer {
    let request = market.as_(provider).request(reqwest::Method::POST, "/v1/imports");
    request.key(fresh_key()).query(query).bytes("text/csv", csv).await
}

fn counts(report: &Value) -> [u64; 4] {
    ["created", "updated", "unchanged", "refused"].map(|name| report[name].as_u64().unwrap())
}

fn problems(report: &Value) -> Vec<&str> {
    let rows = report["rows"].as_array().unwrap().iter();
    rows.filter_map(|row| row["problem"].as_str()).collect()
}

const INVENTORY: &[(&str, &str)] = &[("kind", "inventory")];

#[tokio::test]
async fn an_inventory_lists_sites_and_pools_and_can_be_imported_again() {
    let market = Market::open().await;
    let provider = market.provider().await;
    let csv = format!(
        "{SITES}Rjukan,NO,60,1.1,hall 1,h100-sxm,8,100,10.2\nRjukan,NO,60,,hall 2,b200,8,50,\n\
         \"Oulu, north\",FI,20,1.2,hall 1,gb200,72,4,130\n"
    );
    let rehearsed =
        import(&market, &provider, &[("kind", "inventory"), ("dry_run", "true")], csv.as_str());
    let rehearsed = rehearsed.await.expect(200);
    assert_eq!((counts(&rehearsed), &rehearsed["written"]), ([3, 0, 0, 0], &false.into()));
    let client = market.as_(&provider);
    assert_eq!(client.get("/v1/pools").await.expect(200)["items"], serde_json::json!([]));

    let report = import(&market, &provider, INVENTORY, csv.as_str()).await.expect(200);
    assert_eq!(counts(&report), [3, 0, 0, 0]);
    assert_eq!(report["rows"][2]["line"], 4);
    let sites = client.get("/v1/sites").await.expect(200);
    assert_eq!(sites["items"].as_array().unwrap().len(), 2);
    let pools = client.get("/v1/pools").query(&[("accelerator", "b200")]).await.expect(200);
    // The power of the chips alone: 8 × 1,000 W.
    assert_eq!(pools["items"][0]["kw_per_unit"], "8");

    let again = import(&market, &provider, INVENTORY, csv.as_str()).await.expect(200);
    assert_eq!(counts(&again), [0, 0, 3, 0]);
    let changed = csv.replace("Rjukan,NO,60", "Rjukan,NO,80").replace("130", "132");
    let report = import(&market, &provider, INVENTORY, changed).await.expect(200);
    assert_eq!(counts(&report), [0, 2, 1, 0], "{report}");
}

#[tokio::test]
async fn a_bad_row_changes_nothing_unless_the_good_ones_are_kept() {
    let market = Market::open().await;
    let provider = market.provider().await;
    let csv = format!(
        "{SITES}Rjukan,NO,60,1.1,hall 1,h100-sxm,8,100,10.2\nRjukan,NO,60,1.1,hall 1,h100-sxm,8,9,1\n\
         Rjukan,NO,70,1.1,hall 2,h100-sxm,8,9,1\nOulu,FI,1,1,a,abacus,8,9,1\nOulu,FI,1,1,a,h100-sxm,0,9,1\n\
         Oulu,FI,NaN,1,a,h100-sxm,8,9,1\nOulu,FI,inf,1,a,h100-sxm,8,9,1\n,FI,1,1,a,h100-sxm,8,9,1\n\
         Oulu,Finland,1,1,a,h100-sxm,8,9,1\nOulu,FI,1,0.5,a,h100-sxm,8,9,1\nOulu,FI,1,1,a,h100-sxm,8,2147483648,1\n\
         Oulu,FI,1,1,a\n"
    );
    market.as_(&provider).get("/v1/me").await.expect(200);
    let before = market.database.row_counts().await;
    let refused = import(&market, &provider, INVENTORY, csv.as_str()).await;
    let refused = refused.refused(422, "import_refused");
    assert_eq!(counts(&refused["report"]), [1, 0, 0, 11]);
    assert_eq!(market.database.row_counts().await, before);
    let says = problems(&refused["report"]);
    for (problem, word) in says.iter().zip([
        "line 2",
        "power_mw",
        "abacus",
        "gpus_per_unit",
        "NaN",
        "inf",
        "site",
        "country",
        "pue",
        "units",
        "5 cells",
    ]) {
        assert!(problem.contains(word), "{word}: {problem}");
    }
    let kept = [("kind", "inventory"), ("keep_good", "true")];
    let report = import(&market, &provider, &kept, csv).await.expect(200);
    assert_eq!((counts(&report), &report["written"]), ([1, 0, 0, 11], &true.into()));
    let sites = market.as_(&provider).get("/v1/sites").await.expect(200);
    assert_eq!(sites["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn hardware_of_a_listed_pool_does_not_change_by_import() {
    let market = Market::open().await;
    let provider = market.provider().await;
    let row = |units| format!("{SITES}Rjukan,NO,60,1.1,hall 1,h100-sxm,8,{units},10.2\n");
    import(&market, &provider, INVENTORY, row(100)).await.expect(200);
    let refused = import(&market, &provider, INVENTORY, row(101)).await;
    let refused = refused.refused(422, "import_refused");
    assert!(problems(&refused["report"])[0].contains("100 units of 8 × h100-sxm"));
}

#[tokio::test]
async fn files_that_cannot_be_read_say_why() {
    let market = Market::open().await;
    let provider = market.provider().await;
    for (csv, code, word) in [
        (&b""[..], "import_unreadable", "empty"),
        (b"site,pool\n", "import_columns", "power_mw"),
        (b"\xff\xfes\0i\0", "import_unreadable", "UTF-16"),
        (b"s\xefte,pool\nx,y\n", "import_unreadable", "UTF-8"),
        (SITES.as_bytes(), "import_unreadable", "no rows"),
    ] {
        let problem = import(&market, &provider, INVENTORY, csv).await.refused(422, code);
        assert!(problem["detail"].as_str().unwrap().contains(word), "{problem}");
    }
    let columns = import(&market, &provider, INVENTORY, "place,pool\nx,y\n").await;
    let columns = columns.refused(422, "import_columns");
    assert_eq!(columns["columns"]["columns_found"], serde_json::json!(["place", "pool"]));
    for query in [&[][..], &[("kind", "x")], &[("kind", "prices"), ("keepgood", "true")]] {
        import(&market, &provider, query, "a\n1\n").await.refused(400, "invalid_query");
    }
    let large = vec![b'a'; 33 * 1024 * 1024];
    import(&market, &provider, INVENTORY, large).await.refused(413, "body_too_large");
    let keyless = market.as_(&provider).request(reqwest::Method::POST, "/v1/imports");
    let keyless = keyless.query(INVENTORY).bytes("text/csv", SITES).await;
    keyless.refused(400, "idempotency_key_missing");
    let tenant = market.tenant().await;
    import(&market, &tenant, INVENTORY, format!("{SITES}a,b,c,d,e,f,g,h,i\n"))
        .await
        .refused(403, "forbidden");
}

#[tokio::test]
async fn a_price_list_with_other_headings_goes_in_without_a_new_parser() {
    let market = Market::open().await;
    let provider = market.provider().await;
    let inventory = format!(
        "{SITES}Rjukan,NO,60,1.1,hall 1,h100-sxm,8,100,10.2\nRjukan,NO,60,1.1,hall 2,h200,8,50,11\n"
    );
    import(&market, &provider, INVENTORY, inventory).await.expect(200);
    let terms = market.terms(&provider, serde_json::json!([recall("P7D")])).await;
    let list = std::fs::read("src/demo/data/prices.csv").expect("the price list that ships");
    let query = [
        ("kind", "prices"),
        ("map", "accelerator=gpu"),
        ("map", "rate_per_gpu_hour=usd_per_gpu_hour"),
        ("map", "name=provider"),
        ("keep_good", "true"),
        ("publish", "true"),
        ("terms", terms.as_str()),
    ];
    let report = import(&market, &provider, &query, list.clone()).await.expect(200);
    let [created, updated, unchanged, refused] = counts(&report);
    assert_eq!((updated, unchanged), (0, 0));
    assert!(created >= 25 && created + refused >= 291, "{created} {refused}");
    let said = problems(&report);
    assert!(said.iter().any(|problem| problem.contains("you have no pool with mi300x")));
    let offers = market.as_nobody().get("/v1/offers").query(&[("limit", "200")]).await.expect(200);
    assert_eq!(offers["items"].as_array().unwrap().len() as u64, created);
    let again = import(&market, &provider, &query, list).await.expect(200);
    assert_eq!(counts(&again), [0, 0, created, refused]);
}

#[tokio::test]
async fn prices_per_instance_are_divided_and_later_lists_change_the_rate() {
    let market = Market::open().await;
    let provider = market.provider().await;
    let inventory = format!("{SITES}Rjukan,NO,60,1.1,hall 1,h100-sxm,8,100,10.2\n");
    import(&market, &provider, INVENTORY, inventory).await.expect(200);
    market
        .as_(&provider)
        .post("/v1/reclaim-terms", serde_json::json!({"name": "usual", "clauses": [recall("P7D")]}))
        .await
        .expect(201);
    let query = [
        ("kind", "prices"),
        ("map", "accelerator=Chip"),
        ("map", "rate_per_gpu_hour=Price per hour"),
        ("per", "instance"),
        ("gpus_column", "GPUs"),
        ("terms", "usual"),
    ];
    let list = |price: &str| format!("\u{feff}Chip;GPUs;Price per hour\r\nh100-sxm;8;{price}\r\n");
    let report = import(&market, &provider, &query, list("20")).await.expect(200);
    assert_eq!(counts(&report), [1, 0, 0, 0], "{report}");
    let path = format!("/v1/offers/{}", report["rows"][0]["id"].as_str().unwrap());
    let offer = market.as_(&provider).get(&path).await.expect(200);
    assert_eq!(
        (offer["rate_per_gpu_hour"].as_str(), offer["state"].as_str()),
        (Some("2.50"), Some("draft"))
    );
    let report = import(&market, &provider, &query, list("25")).await.expect(200);
    assert_eq!(counts(&report), [0, 1, 0, 0]);
    let offer = market.as_(&provider).get(&path).await.expect(200);
    assert_eq!(offer["rate_per_gpu_hour"], "3.125");
    for wrong in ["", "NaN", "Infinity", "1.0e1", "1234567890123456", "-20", "2,50", "1e400", "$20"]
    {
        let refused = import(&market, &provider, &query, list(wrong)).await;
        let refused = refused.refused(422, "import_refused");
        assert!(problems(&refused["report"])[0].contains("rate_per_gpu_hour"), "{wrong}");
    }
}

#[tokio::test]
async fn a_price_names_its_trouble() {
    let market = Market::open().await;
    let provider = market.provider().await;
    let inventory = format!("{SITES}Rjukan,NO,60,1.1,hall 1,h100-sxm,8,4,10.2\n");
    import(&market, &provider, INVENTORY, inventory).await.expect(200);
    let csv = "accelerator,pool,rate_per_gpu_hour,min_gpus\nh100-sxm,,2,\nh100-sxm,,3,\nabacus,,2,\nb200,,2,\n\
               ,hall 9,2,\n,,2,\nh100-sxm,,2,64\nh100-sxm,,2,x\nh100-sxm,,2.1234567,8\n";
    let without = import(&market, &provider, &[("kind", "prices")], csv).await;
    let without = without.refused(422, "import_refused");
    assert!(problems(&without["report"])[0].contains("terms="));
    let terms = market.terms(&provider, serde_json::json!([])).await;
    let query = [("kind", "prices"), ("terms", terms.as_str())];
    let refused = import(&market, &provider, &query, csv).await.refused(422, "import_refused");
    let said = problems(&refused["report"]);
    for (problem, word) in said.iter().zip([
        "line 2",
        "catalogue has no abacus",
        "no pool with b200",
        "no pool hall 9",
        "neither accelerator nor pool",
        "min_gpus",
        "min_gpus",
        "6 decimals",
    ]) {
        assert!(problem.contains(word), "{word}: {problem}");
    }
    assert_eq!(said.len(), 8);
    let unknown = [("kind", "prices"), ("terms", "nobody's")];
    import(&market, &provider, &unknown, csv).await.refused(422, "unknown_terms");
}
