//! Power fails at every byte that is written or erased: nothing that was accepted is lost, and the order stays.

use super::flash::Order;
use super::*;
use crate::Rng;

type OnFlash<'f, const WORD: usize> = Outbox<&'f mut RamFlash<WORD, 256>, 8>;

/// What must be in the outbox.
#[derive(Debug, Clone, Default)]
struct Model {
    /// Accepted and not removed, oldest first.
    messages: Vec<u32>,
    next: u32,
}

/// What power has cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    Nothing,
    Push(u32),
    Remove(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Push,
    /// Removes the message at that place, if there are so many.
    Remove(usize),
}

impl Model {
    /// Does a step in both. `Err` when power has failed.
    async fn step<const WORD: usize>(
        &mut self,
        outbox: &mut OnFlash<'_, WORD>,
        step: Step,
    ) -> Result<(), Pending> {
        match step {
            Step::Push => {
                let number = self.next;
                self.next += 1;
                let dropped = outbox.counters().dropped;
                let pushed = push(outbox, number).await;
                for _ in dropped..outbox.counters().dropped {
                    self.messages.remove(0);
                }
                match pushed {
                    Ok(_) => self.messages.push(number),
                    Err(PushError::Full) => {}
                    Err(PushError::Outbox(OutboxError::Flash(FlashError::PowerCut))) => {
                        return Err(Pending::Push(number));
                    }
                    Err(error) => panic!("{error:?}"),
                }
            }
            Step::Remove(place) => {
                let Some(number) = self.messages.get(place).copied() else { return Ok(()) };
                match remove(outbox, number).await {
                    Ok(true) => drop(self.messages.remove(place)),
                    Err(OutboxError::Flash(FlashError::PowerCut)) => return Err(Pending::Remove(number)),
                    other => panic!("{other:?}"),
                }
            }
        }
        Ok(())
    }

    /// Compares what is there after a cut, and takes it as the truth from there on.
    fn accept(&mut self, found: Vec<u32>, pending: Pending, when_full: WhenFull) {
        let mut allowed: Vec<Vec<u32>> = std::vec![self.messages.clone()];
        match pending {
            Pending::Nothing => {}
            Pending::Push(number) => {
                let mut without = self.messages.clone();
                if when_full == WhenFull::DropOldest && !without.is_empty() {
                    // It was being dropped.
                    without.remove(0);
                    allowed.push(without);
                }
                allowed.push([&self.messages[..], &[number]].concat());
            }
            Pending::Remove(number) => {
                allowed.push(self.messages.iter().copied().filter(|of| *of != number).collect());
            }
        }
        assert!(allowed.contains(&found), "{found:?} is none of {allowed:?} after {pending:?}");
        self.messages = found;
    }
}

async fn remove<const WORD: usize>(
    outbox: &mut OnFlash<'_, WORD>,
    number: u32,
) -> Result<bool, OutboxError<FlashError>> {
    let is_it = |unsent: &Unsent<'_>| unsent.message_id() == Some(id(number));
    let mut buffer = [0; 256];
    let mut found = None;
    let mut entries = outbox.queue.iter().await?;
    while let Some(entry) = entries.next(&mut buffer).await? {
        found = found.or(Unsent::decode(&entry).filter(is_it).map(|unsent| unsent.ticket()));
    }
    outbox.remove(found.unwrap(), &mut buffer).await
}

/// Power comes back: all that must be there is there.
async fn check<'f, const WORD: usize>(
    flash: &'f mut RamFlash<WORD, 256>,
    model: &mut Model,
    pending: Pending,
    when_full: WhenFull,
) -> OnFlash<'f, WORD> {
    flash.restart();
    let mut outbox = open(flash, when_full).await.unwrap();
    model.accept(numbers(&mut outbox).await, pending, when_full);
    outbox
}

/// Fills the flash, goes around it, and empties it.
fn script() -> Vec<Step> {
    let mut steps = std::vec![Step::Push; 7];
    for round in 0..4 {
        steps.extend([Step::Remove(0), Step::Push, Step::Remove(round % 3), Step::Push, Step::Push]);
    }
    steps.extend([Step::Remove(0); 7]);
    steps
}

/// For each step of the script, and each byte that it writes or erases: the same step with a cut there.
async fn cut_everywhere<const WORD: usize>(when_full: WhenFull, order: Order) -> u32 {
    let mut flash = RamFlash::<WORD, 256>::new(3);
    flash.order = order;
    let (mut model, mut cuts) = (Model::default(), 0);
    for step in script() {
        let mut power = 0;
        (flash, model) = loop {
            let (mut flash, mut model) = (flash.clone(), model.clone());
            flash.chance = Rng::new(u64::from(cuts));
            flash.power = Some(power);
            let Err(pending) = run(&mut flash, &mut model, when_full, &[step]).await else {
                flash.restart();
                break (flash, model);
            };
            check(&mut flash, &mut model, pending, when_full).await;
            let more = [Step::Push, Step::Remove(1), Step::Push, Step::Remove(0)];
            run(&mut flash, &mut model, when_full, &more).await.unwrap();
            check(&mut flash, &mut model, Pending::Nothing, when_full).await;
            (power, cuts) = (power + 1, cuts + 1);
        };
    }
    cuts
}

/// Starts and does some steps, until power fails.
async fn run<const WORD: usize>(
    flash: &mut RamFlash<WORD, 256>,
    model: &mut Model,
    when_full: WhenFull,
    steps: &[Step],
) -> Result<(), Pending> {
    let mut outbox = match open(flash, when_full).await {
        Ok(outbox) => outbox,
        Err(OutboxError::Flash(FlashError::PowerCut)) => return Err(Pending::Nothing),
        Err(error) => panic!("{error:?}"),
    };
    for step in steps {
        model.step(&mut outbox, *step).await?;
    }
    Ok(())
}

#[test]
fn a_cut_at_every_byte_of_a_small_flash_loses_nothing() {
    block_on(async {
        let mut cuts = 0;
        cuts += cut_everywhere::<4>(WhenFull::DropOldest, Order::Forward).await;
        cuts += cut_everywhere::<1>(WhenFull::RefuseNewest, Order::Backward).await;
        cuts += cut_everywhere::<8>(WhenFull::DropOldest, Order::Anywhere).await;
        assert!(cuts > 10_000, "{cuts}");
    });
}

/// Lives of a device that loses its power again and again, also while it starts.
async fn live<const WORD: usize>(seed: u64, cuts: u32) {
    let mut chance = Rng::new(seed);
    let when_full = if chance.below(2) == 0 { WhenFull::DropOldest } else { WhenFull::RefuseNewest };
    let pages = usize::try_from(2 + chance.below(4)).unwrap();
    let mut flash = RamFlash::<WORD, 256>::new(pages);
    flash.order = [Order::Forward, Order::Backward, Order::Anywhere][usize::try_from(seed % 3).unwrap()];
    flash.chance = Rng::new(seed);
    let mut model = Model::default();
    for _ in 0..cuts {
        // Pushes and removals have their times, so that it is now full, now empty.
        let pushes = chance.below(10);
        let most = [40, 400, 1_600][usize::try_from(chance.below(3)).unwrap()];
        flash.power = Some(chance.below(most));
        let mut steps = Vec::new();
        for _ in 0..200 {
            let push = chance.below(10) < pushes;
            let place = usize::try_from(chance.below(4) / 2).unwrap();
            steps.push(if push { Step::Push } else { Step::Remove(place) });
        }
        let pending = run(&mut flash, &mut model, when_full, &steps).await.err().unwrap_or(Pending::Nothing);
        check(&mut flash, &mut model, pending, when_full).await;
    }
}

#[test]
fn ten_thousand_seeded_cuts_lose_nothing() {
    block_on(async {
        for seed in 0..200 {
            live::<4>(seed, 25).await;
            live::<8>(seed, 15).await;
            live::<1>(seed, 10).await;
        }
    });
}
