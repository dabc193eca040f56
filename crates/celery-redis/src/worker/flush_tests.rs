use tokio::sync::oneshot;

use super::*;
use crate::worker::{
    arrivals::tests::{job, large},
    writer::Call,
};

fn queued(write: Write) -> Queued {
    Queued { write, reply: None }
}

fn end(seq: u64, meta: &str, actions: Vec<[String; 3]>) -> Queued {
    queued(Write::End(End {
        seq,
        tag: format!("tag-{seq}"),
        acknowledge: true,
        key: "key".to_owned(),
        meta: meta.to_owned(),
        arrival: None,
        actions,
    }))
}

/// With two arrivals, 1 and 2, what is asked for.
fn flush(asked: Vec<Queued>) -> (Flush, Arrivals) {
    let (mut flush, mut arrivals) = (Flush::default(), Arrivals::default());
    flush.put(queued(Write::Arrived(vec![job(1), job(2)])), &mut arrivals);
    assert!(flush.is_empty());
    for queued in asked {
        flush.put(queued, &mut arrivals);
    }
    (flush, arrivals)
}

#[test]
fn what_ends_soon_never_enters_unacked() {
    let (flush, mut arrivals) = flush(vec![end(1, "", Vec::new()), end(2, "meta", Vec::new())]);
    assert_eq!(
        (flush.adopted.len(), flush.struck.len(), flush.rest.len()),
        (0, 1, 0)
    );
    assert!(matches!(&flush.stored[0].write, Write::End(end) if end.tag.is_empty()));
    assert!(arrivals.all().is_empty());
}

#[test]
fn an_end_that_may_have_to_be_tried_again_leaves_its_message_in_unacked() {
    let action = ["P", "list", "message"].map(str::to_owned);
    let (flush, mut arrivals) = flush(vec![end(1, "", vec![action])]);
    assert_eq!(
        (flush.adopted.len(), flush.struck.len(), flush.rest.len()),
        (1, 0, 1)
    );
    assert_eq!(arrivals.all().len(), 1);
}

#[test]
fn a_call_finds_in_unacked_all_that_had_arrived() {
    let call = Call::new(&scripts::RENEW, Vec::new());
    let (flush, mut arrivals) = flush(vec![queued(Write::Call(call))]);
    assert_eq!((flush.adopted.len(), flush.rest.len()), (2, 1));
    assert!(arrivals.all().is_empty());
}

#[test]
fn a_mark_goes_along_unless_somebody_waits_for_it() {
    let begun = |seq, reply| Queued {
        write: Write::Begun(seq, format!("tag-{seq}")),
        reply,
    };
    let (reply, _receiver) = oneshot::channel();
    let (flush, mut arrivals) = flush(vec![begun(1, None), begun(2, Some(reply))]);
    assert_eq!(
        (flush.adopted.len(), flush.marked.len(), flush.rest.len()),
        (1, 1, 0)
    );
    let rest = arrivals.all();
    assert!(flush.adopted[0].begun && rest.len() == 1 && rest[0].begun);
}

fn ledger() -> Ledger {
    Ledger {
        keys: ["u", "i", "o"].map(str::to_owned),
        arrivals: "a".to_owned(),
        consumer: "me".to_owned(),
        life: 0,
    }
}

/// Sends it; returns how many commands that were.
fn send(flush: &mut Flush) -> usize {
    let mut pipeline = redis::pipe();
    flush.add_to(&mut pipeline, &ledger());
    pipeline.cmd_iter().count()
}

fn error(line: &str) -> Value {
    redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap()
}

#[test]
fn nothing_that_follows_counts_until_arrivals_are_in_unacked() {
    for (problem, pauses) in [
        ("NOSCRIPT no", false),
        ("READONLY no", true),
        ("WRONGTYPE no", true),
    ] {
        let (reply, mut receiver) = oneshot::channel();
        let call = Queued {
            write: Write::Call(Call::new(&scripts::RENEW, Vec::new())),
            reply: Some(reply),
        };
        let (mut flush, _) = flush(vec![call]);
        assert_eq!(send(&mut flush), 2);
        assert_eq!(flush.settle(vec![error(problem), Value::Int(0)]), pauses);
        assert_eq!((flush.adopted.len(), flush.rest.len()), (2, 1));
        assert!(receiver.try_recv().is_err());
        assert_eq!(send(&mut flush), 2);
        assert!(!flush.settle(vec![Value::Int(1), Value::Int(7)]));
        assert!(flush.is_empty());
        assert_eq!(receiver.try_recv().unwrap(), Ok(Value::Int(7)));
    }
}

#[test]
fn what_cannot_be_stored_yet_is_not_struck() {
    let (mut flush, _) = flush(vec![end(1, "meta", Vec::new())]);
    let told = |text: &str| Value::Array(vec![Value::Int(1), Value::BulkString(text.into())]);
    for (reply, pauses) in [
        (error("NOSCRIPT no"), false),
        (error("READONLY no"), true),
        (told("OOM no"), true),
    ] {
        assert_eq!(send(&mut flush), 1);
        assert_eq!(flush.settle(vec![reply]), pauses);
        assert!(matches!(&flush.stored[0].write, Write::End(end) if !end.struck().is_empty()));
    }
    assert_eq!(send(&mut flush), 1);
    assert!(!flush.settle(vec![Value::Array(Vec::new())]));
    assert!(flush.is_empty());
}

#[test]
fn a_delivery_whose_end_is_refused_for_good_goes_on_in_unacked() {
    let told = |text: &str| Value::Array(vec![Value::Int(1), Value::BulkString(text.into())]);
    for refusal in [told("NOPERM no"), error("NOPERM no")] {
        let (reply, mut receiver) = oneshot::channel();
        let mut kept = end(1, "meta", Vec::new());
        kept.reply = Some(reply);
        let (mut flush, mut arrivals) = flush(vec![kept]);
        assert_eq!(send(&mut flush), 1);
        assert!(!flush.settle(vec![refusal]));
        assert_eq!(receiver.try_recv().unwrap(), Err("NOPERM no".to_owned()));
        assert_eq!((flush.adopted.len(), flush.stored.len()), (1, 0));
        // What ends it now acknowledges it there.
        flush.put(end(1, "failure", Vec::new()), &mut arrivals);
        assert!(
            matches!(&flush.rest[0].write, Write::End(end) if end.tag == "tag-1" && end.arrival.is_none())
        );
        assert_eq!(send(&mut flush), 2);
        assert!(!flush.settle(vec![Value::Int(1), Value::Array(Vec::new())]));
        assert!(flush.is_empty());
    }
}

#[test]
fn so_many_bytes_enter_unacked_in_one_round_trip() {
    let (mut flush, mut arrivals) = flush(vec![queued(Write::Call(Call::new(&scripts::RENEW, Vec::new())))]);
    arrivals.add(vec![large(3, PORTION / 2), large(4, PORTION / 2)], Instant::now());
    flush.adopt(arrivals.all());
    // What follows waits until all are there.
    assert_eq!((send(&mut flush), flush.sent.adopted), (1, 3));
    assert!(!flush.settle(vec![Value::Int(1)]));
    assert_eq!((send(&mut flush), flush.sent.adopted), (2, 1));
    assert!(!flush.settle(vec![Value::Int(1), Value::Nil]));
    assert!(flush.is_empty());
}
