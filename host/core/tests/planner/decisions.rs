//! Decision points: what is recommended, what will not do, and who is asked then.

use std::time::Duration;

use expect_test::expect;
use taskloom_core::journal::RerunFrom;
use taskloom_core::run::{Refusal, plan};

use crate::script::{check, play, played, told};
use crate::support::{World, other_run};

#[test]
fn a_rule_decides_or_the_fallback_does() {
    check(
        "d decision; a<-d",
        "rules d high; run a",
        expect![[r#"
        0s d is decided: {"by":"rule","option":"high"}
        0s a#1 claimed
        0s a#1 succeeded
        0s run succeeded
    "#]],
    );
    check(
        "d decision",
        "rules d",
        expect![[r#"
        0s d is decided: {"by":"fallback","option":"low","reason":"no `when` of an option holds"}
        0s run succeeded
    "#]],
    );
    check(
        "d decision ai",
        "rules d high",
        expect![[r#"
        0s d is decided: {"by":"fallback","option":"low","reason":"no provider of models is configured"}
        0s run succeeded
    "#]],
    );
}

#[test]
fn a_task_recommends_and_its_recommendation_is_judged() {
    check(
        "t; d<-t decision by=t sure",
        "run t; says d high 0.5",
        expect![[r#"
        0s t#1 claimed
        0s t#1 succeeded
        0s d is decided: {"by":"task:t","confidence":0.5,"option":"high","reason":"so it looks"}
        0s run succeeded
    "#]],
    );
    for said in ["says d low 0.4", "says d low", "says d middle 0.9", "says d"] {
        let world = played("t; d<-t decision by=t sure", &format!("run t; {said}"));
        let event = told(&world);
        let event = event.lines().find(|line| line.contains("decided")).expect("a decision");
        assert!(event.contains(r#""by":"fallback""#), "{event}");
    }
    check(
        "t; d<-t decision by=t",
        "run t; says d low",
        expect![[r#"
        0s t#1 claimed
        0s t#1 succeeded
        0s d is decided: {"by":"task:t","option":"low"}
        0s run succeeded
    "#]],
    );
    // What is not open cannot be recommended.
    check(
        "t; d<-t decision by=t",
        "run t; says d high 1 closed",
        expect![[r#"
        0s t#1 claimed
        0s t#1 succeeded
        0s d is decided: {"by":"fallback","option":"low","reason":"`high` was recommended, and its `when` does not hold"}
        0s run succeeded
    "#]],
    );
}

#[test]
fn a_person_is_asked_and_chooses() {
    check(
        "d decision asks; a<-d",
        "rules d; choose d high; run a",
        expect![[r#"
        0s d asks: no `when` of an option holds
        0s d is decided: {"by":"person","option":"high","who":"eva"}
        0s a#1 claimed
        0s a#1 succeeded
        0s run succeeded
    "#]],
    );
    check(
        "d decision asks; a<-d",
        "rules d; reject d",
        expect![[r#"
        0s d asks: no `when` of an option holds
        0s d approved: false
        0s a skipped: the run stops: task `d` failed: rejected: it was rejected: no reason was given
        0s run failed: task `d` failed: rejected: it was rejected: no reason was given
    "#]],
    );
    let mut world = played("d decision asks; p approval", "rules d; shown p");
    let refusal = |world: &mut World, option: &str, task: &str| {
        let command = crate::script::command(world, "choose", task, option).expect("a command");
        world.give(command).expect_err("refused").to_string()
    };
    assert_eq!(
        refusal(&mut world, "middle", "d"),
        "task `d` has no option `middle`: choose `low` or `high`"
    );
    assert_eq!(refusal(&mut world, "high", "p"), "task `p` is no decision");
    let yes = crate::script::command(&world, "approve", "d", "").expect("a command");
    assert!(matches!(world.give(yes), Err(Refusal::NeedsOption { .. })));
    play(&mut world, "choose d low");
    assert_eq!(refusal(&mut world, "low", "d"), "task `d` is finished");
}

#[test]
fn a_choice_that_comes_too_late_is_made_by_the_fallback() {
    check(
        "d decision asks within=30 passes",
        "rules d; +30s",
        expect![[r#"
        0s d asks: no `when` of an option holds
        30s d is decided: {"by":"fallback","option":"low","reason":"nobody chose in time"}
        30s run succeeded
    "#]],
    );
    check(
        "d decision asks within=30",
        "rules d; +30s",
        expect![[r#"
        0s d asks: no `when` of an option holds
        30s d timed out: nobody chose in time
        30s run failed: task `d` failed: approval-timeout: nobody chose in time
    "#]],
    );
}

#[test]
fn what_is_asked_survives_a_restart() {
    check(
        "d decision",
        "crash; rules d high",
        expect![[r#"
        0s d is decided: {"by":"rule","option":"high"}
        0s run succeeded
    "#]],
    );
    check(
        "d decision asks within=30 passes",
        "rules d; +10s; crash; +20s",
        expect![[r#"
        0s d asks: no `when` of an option holds
        30s d is decided: {"by":"fallback","option":"low","reason":"nobody chose in time"}
        30s run succeeded
    "#]],
    );
}

#[test]
fn what_could_not_be_computed_fails_the_decision() {
    check(
        "d decision",
        "unknown d",
        expect![[r#"
        0s d failed: it failed
        0s run failed: task `d` failed: permanent: it failed
    "#]],
    );
}

#[test]
fn a_rerun_takes_a_decision_over_unless_it_is_chosen() {
    let old = played("d decision sets=x; a<-d", "rules d high; claim a; permanent a");
    let again = |from| {
        let plan = plan(&old.state, from).expect("it ended");
        told(&World::rerun(std::sync::Arc::clone(&old.workflow), other_run(3), plan))
    };
    expect![[r#"
        0s d reuse-offered
        0s a key-kept
        0s d sets {"x":{"by":"d","d":1}}
        0s d is reused: {"by":"rule","option":"high"}
        (running)
    "#]]
    .assert_eq(&again(RerunFrom::Failed));
    let chosen = RerunFrom::Tasks(vec!["d".parse().expect("an id")]);
    expect![[r#"
        0s a key-kept
        (asks for what is recommended to it of d)
        (running)
    "#]]
    .assert_eq(&again(chosen));
}

#[test]
fn a_decision_in_an_item_reads_its_own() {
    check(
        "e each { d decision }",
        "items e 2; rules e[0].d high; rules e[1].d",
        expect![[r#"
            0s e has 2 items
            0s e opens item 0
            0s e opens item 1
            0s e[0].d is decided: {"by":"rule","option":"high"}
            0s e item 0 succeeded
            0s e[1].d is decided: {"by":"fallback","option":"low","reason":"no `when` of an option holds"}
            0s e item 1 succeeded
            0s e is decided: true
            0s e succeeded: "v"
            0s run succeeded
        "#]],
    );
}

#[test]
fn a_decision_that_waits_can_be_skipped_and_cancelled() {
    let mut world = played("d decision asks; a<-d", "rules d; replace d");
    world.pass(Duration::from_secs(1));
    expect![[r#"
        0s d asks: no `when` of an option holds
        0s d skipped: by hand
        (running)
    "#]]
    .assert_eq(&told(&world));
    check(
        "d decision asks",
        "rules d; cancel",
        expect![[r#"
        0s d asks: no `when` of an option holds
        0s cancel-requested
        0s d cancelled
        0s run cancelled: enough
    "#]],
    );
}
