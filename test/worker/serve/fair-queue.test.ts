import test from 'ava';
import fc from 'fast-check';
import { FairQueue } from '../../../worker/serve/fair-queue.ts';

interface Request {
  readonly model: string;
  readonly prompt: number;
  left: number;
}

/** Serves so many together, a token each a step, and returns how much work each model got. */
function served(queue: FairQueue<Request>, together: number, steps: number) {
  const work = new Map<string, number>();
  const add = (model: string, more: number): void =>
    void work.set(model, (work.get(model) ?? 0) + more);
  let live: Request[] = [];
  for (let step = 0; step < steps; step += 1) {
    for (let { next } = queue; next !== undefined && live.length < together; { next } = queue) {
      queue.take(next.prompt);
      add(next.model, next.prompt);
      live.push(next);
    }
    for (const request of live) {
      request.left -= 1;
      queue.made(request.model, 1);
      add(request.model, 2);
      if (request.left === 0) queue.end(request.model);
    }
    live = live.filter(({ left }) => left > 0);
  }
  return work;
}

test('of two models that are always asked, one that floods gets no more work than the other', (t) => {
  const together = 4;
  const [longestPrompt, longestAnswer] = [40, 20];
  const size = fc.record({
    prompt: fc.integer({ min: 1, max: longestPrompt }),
    left: fc.integer({ min: 1, max: longestAnswer }),
  });
  // At the moment of a choice the counters differ by what was begun before it, at most.
  const bound = longestPrompt + 2 * together * longestAnswer;
  fc.assert(
    fc.property(
      fc.array(size, { minLength: 300, maxLength: 300 }),
      fc.array(size, { minLength: 80, maxLength: 80 }),
      (flood, few) => {
        const queue = new FairQueue<Request>();
        for (const one of flood) queue.add('flood', { model: 'flood', ...one });
        for (const one of few) queue.add('few', { model: 'few', ...one });
        // Neither has run out of requests by then.
        const work = served(queue, together, 150);
        const apart = Math.abs((work.get('flood') ?? 0) - (work.get('few') ?? 0));
        t.true((work.get('few') ?? 0) > bound / 2);
        t.true(apart <= bound, `${apart}`);
      },
    ),
    { numRuns: 30 },
  );
});

test('a model that comes back has no credit for its pause', (t) => {
  const queue = new FairQueue<string>();
  const [early, late] = ['early', 'late'];
  for (let n = 0; n < 20; n += 1) queue.add(early, `${early} ${n}`);
  for (let n = 0; n < 10; n += 1) queue.take(30);
  t.is(queue.workOf(early), 300);
  for (let n = 0; n < 20; n += 1) queue.add(late, `${late} ${n}`);
  t.is(queue.workOf(late), 300);
  const taken = Array.from({ length: 10 }, () => {
    const { next = '' } = queue;
    queue.take(30);
    return next.split(' ')[0];
  });
  t.is(taken.filter((model) => model === late).length, 5);
});

test('requests of one model are served in their order, and those that leave are left out', (t) => {
  const queue = new FairQueue<string>();
  for (const name of ['a', 'b', 'c']) queue.add('model', name);
  t.true(queue.drop('b'));
  t.false(queue.drop('b'));
  const taken: (string | undefined)[] = [];
  while (queue.length > 0) {
    taken.push(queue.next);
    queue.take(1);
  }
  t.deepEqual(taken, ['a', 'c']);
  t.is(queue.next, undefined);
});
