//! `outlay offers history`: what machines cost, from which day to which.

use serde_json::{Value, json};

use crate::cli::Answer;
use crate::commands::{Format, Names};
use crate::context::Context;
use crate::failure::Failure;
use crate::ledger::{Ledger, Span};
use crate::render::format::usd;
use crate::render::json;
use crate::render::table::{Table, figures, words};

/// Show what machines cost from which day to which, as the feeds said
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    names: Names,

    /// Only this provider
    #[arg(long)]
    provider: Option<String>,

    /// At most so many rows; 0: all
    #[arg(long, value_name = "N", default_value_t = 40)]
    limit: usize,

    #[command(flatten)]
    format: Format,
}

/// Lists the spans that match.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Answer, Failure> {
    let ledger = context.home.data.as_deref().map(Ledger::open).transpose()?.flatten();
    let nothing = ledger.is_none();
    let mut spans = ledger.map_or_else(|| Ok(Vec::new()), |ledger| ledger.spans())?;
    spans.retain(|span| {
        let provider = args.provider.as_ref().is_none_or(|provider| span.provider.eq_ignore_ascii_case(provider));
        let known = context.as_of.as_ref().is_none_or(|day| span.since <= *day);
        provider && known && outlay::catalog::names::matches(args.names.given(), &[&span.accelerator, &span.instance])
    });
    let all = spans.len();
    if args.limit > 0 {
        spans.truncate(args.limit);
    }
    let text = if args.format.json {
        json::text(Ok(Value::from(spans.iter().map(as_json).collect::<Vec<_>>())))?
    } else {
        let table = table(&spans);
        if args.format.markdown { table.markdown() } else { table.terminal(context.width) }
    };
    let mut answer = Answer::new(text);
    answer.notes = if nothing {
        "no feed was read yet: `outlay offers update` begins the history\n".into()
    } else if all == 0 {
        args.names.none("price")
    } else if spans.len() < all {
        format!("{} of {all} prices; --limit 0 shows all\n", spans.len())
    } else {
        String::new()
    };
    Ok(answer)
}

fn table(spans: &[Span]) -> Table {
    let mut table = Table::new(&[
        words("accelerator"),
        figures("n"),
        words("provider"),
        words("region").spare(1),
        words("machine").spare(3),
        words("how"),
        words("from"),
        words("last read"),
        figures("$/h"),
    ]);
    for span in spans {
        table.row(vec![
            span.accelerator.clone(),
            span.accelerators.to_string(),
            span.provider.clone(),
            span.region.clone(),
            span.instance.clone(),
            span.purchase.clone(),
            span.since.clone(),
            span.seen.clone(),
            span.usd.map_or_else(|| "gone".into(), usd),
        ]);
    }
    table
}

fn as_json(span: &Span) -> Value {
    json!({
        "provider": span.provider,
        "region": span.region,
        "instance": span.instance,
        "accelerator": span.accelerator,
        "accelerators": span.accelerators,
        "purchase": span.purchase,
        "since": span.since,
        "seen": span.seen,
        "usd_per_hour": span.usd,
        "feed": span.feed,
    })
}
