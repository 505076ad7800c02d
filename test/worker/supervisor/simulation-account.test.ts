// The books that the simulation keeps can tell right from wrong: each sentence of theirs is seen.
import test from 'ava';
import type { StateRecord } from '../../../crds/wire/state.ts';
import { aState, aWorld, startMs } from '../../builders/situation.ts';
import { Account, type Budget } from '../../doubles/simulation/account.ts';

/** Writes records as a job would, a minute after each other. */
class Book {
  readonly account: Account;
  now = startMs;
  state: StateRecord = aState({ world: aWorld });

  constructor(budget: Partial<Budget> = {}) {
    const given = { maxRestarts: 10, windowSeconds: 0, ...budget };
    this.account = new Account(given, () => this.now);
    this.account.incidents.wanted = aWorld.size;
    this.account.written(undefined, this.state);
  }

  get incidents() {
    return this.account.incidents;
  }

  write(changes: Partial<StateRecord>): void {
    this.now += 60_000;
    const before = this.state;
    this.state = { ...before, ...changes };
    this.account.written(before, this.state);
  }

  open(
    cause: StateRecord['opened']['cause'],
    restarts: Partial<StateRecord['restarts']> = {},
    by = 'pod',
  ): void {
    const { round } = this.state;
    this.write({
      round: round + 1,
      opened: { by, cause, at: new Date(this.now).toISOString() },
      restarts: { ...this.state.restarts, ...restarts },
    });
  }

  /** As the account is after one restart more, a minute from now. */
  get charged(): Partial<StateRecord['restarts']> {
    const { counted, sinceCommit, window } = this.state.restarts;
    const at = new Date(this.now + 60_000).toISOString();
    return { counted: counted + 1, sinceCommit: sinceCommit + 1, window: [...window, at] };
  }

  /** A trainer dies, and it is charged. */
  crash(): void {
    this.incidents.trainerEnded('E_CRASHED', this.state.round);
    this.open('ProcessFailed', this.charged);
  }

  commit(step: number, restarts: Partial<StateRecord['restarts']> = { sinceCommit: 0 }): void {
    const { round } = this.state;
    const time = new Date(this.now).toISOString();
    const checkpoint = { step, round, manifest: 'm', digest: 'd', time };
    this.write({ checkpoint, restarts: { ...this.state.restarts, ...restarts } });
  }

  fail(reason: string): void {
    const code = 'E_CRASHED';
    this.write({ result: { type: 'Failed', code, reason, message: 'm' } });
  }
}

const nothingWrong = { message: /is charged, and nothing went wrong/ };
const nobody = { message: /is not charged, and nobody did anything to it/ };

test('workers charge for a trainer of their round, or for a member that is silent for long enough', (t) => {
  const free = new Book();
  t.throws(() => free.open('ProcessFailed', free.charged), nothingWrong);
  const other = new Book();
  other.incidents.trainerEnded('E_CRASHED', 7);
  t.throws(() => other.open('ProcessFailed', other.charged), nothingWrong);
  const silent = (forMs: number) => {
    const book = new Book();
    book.now += 60_000 - forMs;
    book.incidents.silent(1);
    book.now -= 60_000 - forMs;
    return () => book.open('MemberUnreachable', book.charged);
  };
  t.throws(silent(5_000), nothingWrong);
  t.notThrows(silent(9_000));
  const twice = new Book();
  twice.incidents.trainerEnded('E_CRASHED', 1);
  t.throws(() => twice.open('ProcessFailed', { counted: 2 }), { message: /is charged 2 times/ });
  t.throws(() => twice.open('Hang', {}), { message: /Hang by workers is charged 0 times/ });
});

test('the operator charges for a pod of the round, or where none is agreed on in five minutes', (t) => {
  const ofTrainer = new Book();
  ofTrainer.incidents.trainerEnded('E_CRASHED', 1);
  t.throws(() => ofTrainer.open('PodFailed', ofTrainer.charged, 'operator'), nothingWrong);
  const ofPod = (round: number) => {
    const book = new Book();
    book.incidents.podEnded(137, round);
    return () => book.open('PodFailed', book.charged, 'operator');
  };
  t.notThrows(ofPod(1));
  t.notThrows(ofPod(0), 'it died before it could join');
  t.throws(ofPod(4), nothingWrong);
  const unmet = (minutes: number) => {
    const book = new Book();
    book.incidents.disruption('a pod is gone');
    book.open('PodLost');
    book.state = { ...book.state, world: undefined };
    book.now += (minutes - 1) * 60_000;
    return () => book.open('PodFailed', book.charged, 'operator');
  };
  t.throws(unmet(4), nothingWrong);
  t.notThrows(unmet(5));
});

test('a round that is not charged wants somebody who disturbed the one before', (t) => {
  const laundered = new Book();
  laundered.incidents.trainerEnded('E_CRASHED', 1);
  t.throws(() => laundered.open('Disruption'), nobody);
  const disturbed = new Book();
  disturbed.incidents.disruption('a pod is to end');
  t.notThrows(() => disturbed.open('Disruption'));
  t.throws(() => disturbed.open('PodLost', disturbed.charged), {
    message: /is charged 1 times, and is not the fault of the job/,
  });
  const sized = new Book();
  t.throws(() => sized.open('Resize'), nobody);
  const smaller = new Book();
  smaller.incidents.wanted = 3;
  t.notThrows(() => smaller.open('Resize'), 'it grows again');
  const resized = new Book();
  resized.incidents.resized(aWorld.size);
  t.notThrows(() => resized.open('Resize'));
});

test('the record has to say what the books say: how many, in the window, since the last checkpoint', (t) => {
  const unpruned = new Book({ windowSeconds: 59 });
  unpruned.crash();
  t.throws(() => unpruned.crash(), {
    message: /2 in the window, 2 since .* the books say 2, 1, 2/,
  });
  const uncleared = new Book();
  uncleared.crash();
  t.throws(() => uncleared.commit(4, {}), {
    message: /has 1 restarts since the last checkpoint held against it, of 0/,
  });
  const cleared = new Book();
  cleared.commit(4);
  cleared.crash();
  t.throws(() => cleared.commit(4), {
    message: /0 since the last checkpoint; the books say 1, 1, 1/,
  });
});

test('a job that is overdrawn must not go on, and one that is not must not end', (t) => {
  const overdrawn = new Book({ maxRestarts: 1 });
  overdrawn.crash();
  t.throws(() => overdrawn.crash(), { message: /goes on although it is RestartBudgetExhausted/ });
  const stuck = new Book();
  stuck.crash();
  stuck.crash();
  t.throws(() => stuck.crash(), { message: /goes on although it is NoProgress/ });
  const early = new Book();
  early.incidents.trainerEnded('E_CRASHED', 1);
  t.throws(() => early.fail('NoProgress'), {
    message: /the workers say NoProgress, and the books/,
  });
  const deserved = new Book({ maxRestarts: 0 });
  deserved.incidents.trainerEnded('E_CRASHED', 1);
  deserved.fail('RestartBudgetExhausted');
  t.notThrows(() => deserved.account.ended('Failed', 'RestartBudgetExhausted'));
  t.throws(() => deserved.account.ended('Failed', 'Hang'), { message: /ended as Hang/ });
  t.throws(() => deserved.account.ended('Succeeded', undefined), {
    message: /ended as Succeeded, and the books say RestartBudgetExhausted/,
  });
  t.throws(() => new Book().account.ended('Failed', 'CheckpointCorrupted'), {
    message: /books say nothing/,
  });
});

test('what the operator takes for a write that failed is not forgotten', (t) => {
  const book = new Book();
  t.notThrows(() => book.account.holds());
  t.throws(() => book.open('Disruption'));
  t.throws(() => book.account.holds(), nobody);
});

test('status tells of one restart more than there were only on the way to the next revision, and for a fault', (t) => {
  const tells = (workerRevision: number, counted: number, hasFault = true) => {
    const book = new Book();
    if (hasFault) book.incidents.podEnded(71, 1);
    return () => {
      book.account.sees(0, { workerRevision, restarts: { counted } });
      return book;
    };
  };
  t.throws(tells(1, 1), { message: /status tells of 1 restarts, of 0 that there were/ });
  t.throws(tells(2, 2), { message: /status tells of 2 restarts, of 1 that there were/ });
  t.throws(tells(2, 1, false), {
    message: /step to revision 2 is charged, and nothing went wrong/,
  });
  const promised = tells(2, 1)();
  const window = [new Date(promised.now).toISOString()];
  const restarts = { ...promised.state.restarts, counted: 1, sinceCommit: 1, window };
  const opened = { by: 'operator', cause: 'Start', at: window[0] ?? '' } as const;
  const forgotten = tells(2, 1)();
  t.throws(() => forgotten.write({ workerRevision: 2, round: 2, opened }), {
    message: /has 0 restarts, and status had told of 1 before/,
  });
  t.notThrows(() => promised.write({ workerRevision: 2, round: 2, opened, restarts }));
  t.throws(
    () =>
      promised.write({
        workerRevision: 3,
        round: 3,
        opened,
        restarts: { ...restarts, counted: 2 },
      }),
    {
      message: /is charged 1 times, and is not the fault of the job/,
    },
  );
});

test('a wiped bus may forget what nobody was told, and nothing may be held against the job again', (t) => {
  const { checkpoint } = savedBook().state;
  const wiped = (
    restarts: Partial<StateRecord['restarts']>,
    {
      told = {},
      after = {},
    }: { told?: { counted?: number; window?: string[] }; after?: Partial<StateRecord> } = {},
  ) => {
    const book = savedBook();
    book.account.sees(0, { workerRevision: 1, restarts: told });
    book.account.acts(0);
    book.account.wiped();
    const again = { restarts: { ...aState().restarts, ...restarts }, round: 3, ...after };
    return () => book.account.written(undefined, aState(again));
  };
  const window = [new Date(startMs).toISOString()];
  t.notThrows(wiped({}));
  t.notThrows(wiped({ counted: 1, window }, { told: { counted: 1 } }));
  t.throws(wiped({}, { told: { counted: 1 } }), {
    message: /0 restarts, and status had told of 1/,
  });
  t.throws(wiped({ counted: 1 }, { told: { counted: 1, window } }), {
    message: /0 restarts in the window, and status had told of 1/,
  });
  t.throws(wiped({ counted: 2 }), { message: /2 restarts, of 1 that there were/ });
  const stale = { counted: 1, sinceCommit: 1, window };
  const held = /1 restarts since the last checkpoint/;
  t.notThrows(wiped(stale), 'the checkpoint is not known yet, and clears them when it is');
  t.throws(wiped(stale, { after: { checkpoint } }), { message: held });
  t.throws(wiped(stale, { after: { world: aWorld } }), { message: /^I8/ });
});

function savedBook(): Book {
  const book = new Book();
  book.crash();
  book.commit(4);
  book.now += 300_000;
  return book;
}

test('restarts since a checkpoint that status told of outlive a wipe, but in the second of that checkpoint', (t) => {
  const forgets = (secondsAfter: number) => {
    const book = new Book();
    book.commit(4);
    book.now += secondsAfter * 1000 - 60_000;
    book.crash();
    const { checkpoint, restarts } = book.state;
    const { counted, sinceCommit, window } = restarts;
    book.account.sees(0, { workerRevision: 1, restarts: { counted, sinceCommit, window } });
    book.account.wiped();
    const forgiven = { ...restarts, sinceCommit: 0 };
    return () => book.account.written(undefined, aState({ checkpoint, restarts: forgiven }));
  };
  t.throws(forgets(30), {
    message: /0 restarts since the last checkpoint, and status had told of 1/,
  });
  t.notThrows(forgets(1));
});

test('after a wipe a checkpoint forgives by its time, although it is of a lower step than a damaged one', (t) => {
  const book = new Book();
  book.commit(8);
  book.crash();
  book.account.isDamaged = true;
  book.commit(7, {});
  const { checkpoint, restarts } = book.state;
  t.is(restarts.sinceCommit, 1, 'it is no progress');
  book.account.sees(0, { workerRevision: 1, restarts: { ...restarts, lastRecoverySeconds: '1' } });
  book.account.wiped();
  const forgiven = aState({ checkpoint, restarts: { ...restarts, sinceCommit: 0 } });
  t.notThrows(() => book.account.written(undefined, forgiven));
});

test('a world never trains from before what was committed, unless that was damaged', (t) => {
  const back = (isDamaged: boolean) => {
    const book = new Book();
    book.commit(8);
    book.account.isDamaged = isDamaged;
    return () => book.commit(4);
  };
  t.throws(back(false), { message: /^I8: round 1 trains from step 4, and step 8/ });
  t.notThrows(back(true));
});
