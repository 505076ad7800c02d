import test from 'ava';
import type { FailureCode } from '../../../crds/failures/table.ts';
import type { TrainerOrder } from '../../../crds/wire/trainer-order.ts';
import type { Child } from '../../../worker/supervisor/child.ts';
import { type ChildEnd, failureWith } from '../../../worker/supervisor/end-of-child.ts';
import { startGroup } from '../../../worker/supervisor/trainer-group.ts';
import { FakeClock } from '../../doubles/clock.ts';

/** A process that ends as the test says, or by SIGKILL when it is killed. */
class TestChild implements Child {
  readonly #ending = Promise.withResolvers<ChildEnd>();
  readonly heard: TrainerOrder[] = [];
  isKilled = false;

  get ended(): Promise<ChildEnd> {
    return this.#ending.promise;
  }

  say(what: TrainerOrder): void {
    this.heard.push(what);
  }

  kill(): void {
    this.isKilled = true;
    this.end({ signal: 'SIGKILL' });
  }

  end(how: Partial<ChildEnd>): void {
    this.#ending.resolve({
      ...{ exitCode: undefined, signal: undefined, failure: undefined },
      ...{ stderrTail: '', outOfMemory: false },
      ...how,
    });
  }

  fail(code: FailureCode): void {
    const failure = { type: 'failure', time: 0, code, reason: code, message: code } as const;
    this.end({ exitCode: 70, failure });
  }
}

const heard = () => new Promise((resolve) => void setImmediate(resolve));

/** What has ended so far is heard before the time passes. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  await heard();
  clock.advance(ms);
  await heard();
}

function three() {
  const clock = new FakeClock();
  const children = [new TestChild(), new TestChild(), new TestChild()];
  const group = startGroup({
    ...{ count: 3, clock, stepOf: (place: number) => 10 + place },
    hangOf: (place) => failureWith('E_HANG', `${place} is silent`),
    start: (place) => children[place] as TestChild,
  });
  return { clock, group, children: children as [TestChild, TestChild, TestChild] };
}

test('when all end well, so do they together', async (t) => {
  const { group, children } = three();
  for (const child of children) child.end({ exitCode: 0 });
  t.deepEqual(await group.ended, { place: 0, ending: 'Done' });
  t.is(group.running.size, 0);
});

test('one that is lost takes the others with it at once, and is the one that is told', async (t) => {
  const { group, children } = three();
  children[1].end({ signal: 'SIGSEGV' });
  t.like(await group.ended, { place: 1, ending: { code: 'E_CRASHED', step: 11 } });
  t.deepEqual(
    children.map(({ isKilled }) => isKilled),
    [true, false, true],
  );
});

test('those that only lost another wait for it to tell; one that does not hangs', async (t) => {
  const { clock, group, children } = three();
  children[0].fail('E_PEER_LOST');
  children[2].fail('E_PEER_LOST');
  await pass(clock, 9_999);
  t.deepEqual([...group.running], [1]);
  await pass(clock, 1);
  t.like(await group.ended, { place: 1, ending: { code: 'E_HANG', message: '1 is silent' } });
  t.true(children[1].isKilled);
});

test('a failure that is told late is the cause of losses before it', async (t) => {
  const { clock, group, children } = three();
  children[0].fail('E_PEER_LOST');
  await pass(clock, 5_000);
  children[2].end({ signal: 'SIGKILL', outOfMemory: true });
  t.like(await group.ended, { place: 2, ending: { code: 'E_HOST_OUT_OF_MEMORY' } });
});

test('what ends the job is told by each of them: others have time to end by themselves', async (t) => {
  const { clock, group, children } = three();
  children[0].fail('E_DIVERGED');
  await pass(clock, 5_000);
  t.false(children[1].isKilled);
  children[1].fail('E_DIVERGED');
  children[2].end({ exitCode: 75 });
  t.like(await group.ended, { place: 0, ending: { code: 'E_DIVERGED' } });
});

test('a stop of one is that of all', async (t) => {
  const { group, children } = three();
  group.say('stop');
  group.sayFirst('save');
  t.deepEqual(
    children.map(({ heard }) => heard),
    [['stop', 'save'], ['stop'], ['stop']],
  );
  children[0].end({ exitCode: 0 });
  for (const child of [children[1], children[2]]) child.end({ exitCode: 75 });
  t.deepEqual(await group.ended, { place: 1, ending: 'Stopped' });
});

test('the loss of another pod is told by all, and is what it is', async (t) => {
  const { group, children } = three();
  for (const child of children) child.fail('E_PEER_LOST');
  t.like(await group.ended, { place: 0, ending: { code: 'E_PEER_LOST' } });
});
