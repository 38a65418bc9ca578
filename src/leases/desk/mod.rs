//! The desk: where new leases are signed.
//!
//! ```text
//! request ─▶ draft ─▶ placed on the planes ─▶ admitted by the quotas ─▶ written, with its reply
//! ```
//!
//! - One transaction per booking would cost a lock, a dozen statements and a flush of the log each, one
//!   after the other on a hot pool. So bookings that wait at the same time are placed one by one in memory,
//!   written with a handful of statements and committed once ([`clerk`]).
//! - A booking that is refused takes nothing away from the others; if the transaction fails, each is tried
//!   alone.
//! - Bookings of pools that others have locked, or whose placement takes long, are answered apart
//!   ([`dispatcher`]), so that one slow pool does not delay the others.

pub mod alternatives;
mod clerk;
mod dispatcher;
pub mod draft;
mod needs;
mod placing;
pub mod search;
pub mod sign;

use tokio::sync::{mpsc, oneshot};

use self::dispatcher::Dispatcher;
use self::draft::Request;
use self::placing::{Pace, lost};
use self::sign::{Answer, Order, with_locks};
use super::error::Error;
use crate::accounts;
use crate::api::{Call, Problem, Reply};
use crate::app::App;
use crate::capacity;
use crate::kernel::Role;

/// Orders that have not been fetched from the queue yet; whoever comes then waits before it.
const QUEUE: usize = 1024;

/// An order, and where its answer goes.
struct Waiting {
    order: Order,
    answer: oneshot::Sender<Answer>,
}

/// Where bookings wait for the desk.
struct Queue(mpsc::Sender<Waiting>);

/// Books `request`: signs the lease, or asks the provider where its offer wants that.
///
/// # Errors
/// Returns why there is no lease, with alternatives where capacity is what lacks.
pub async fn book(app: &App, call: Call, request: Request) -> Result<Reply, Problem> {
    call.require_key()?;
    let tenant = accounts::require_role(&call.caller, Role::Manager)?;
    let order = Order { call, tenant, request };
    let request = order.request.clone();
    let answer = if order.call.dry_run {
        let mut connection = app.db.acquire().await?;
        let served = with_locks(app, &mut connection, None, &[order], true, Pace::Quick).await?;
        only(served.answers)
    } else {
        let (answer, answered) = oneshot::channel();
        let queue = app.memory(|| open(app));
        queue.0.send(Waiting { order, answer }).await.map_err(|_| lost())?;
        answered.await.map_err(|_| lost())?
    };
    match answer {
        Ok(reply) => Ok(reply),
        Err(Error::Capacity(error @ capacity::Error::Refused { .. })) => {
            let alternatives = alternatives::find(app, tenant, &request).await?;
            Err(Problem::from(error).with("alternatives", alternatives))
        }
        Err(error) => Err(error.into()),
    }
}

/// Opens the desk. There is one to a server: with more, a hot pool's bookings wait for each other's locks
/// in smaller batches, and several pools share one flush less often (figures in docs/performance.md).
fn open(app: &App) -> Queue {
    let (queue, waiting) = mpsc::channel(QUEUE);
    tokio::spawn(Dispatcher::new(app.clone(), waiting).work());
    Queue(queue)
}

fn only(mut answers: Vec<Answer>) -> Answer {
    answers.pop().unwrap_or_else(|| Err(lost().into()))
}
