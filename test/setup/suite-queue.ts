/**
 * The test files of a suite in their order: the tests of one begin when all of the file before have
 * ended.
 */
interface Queue {
  /** Once for each file, in their order. */
  join(): Place;
  /** All files have joined and said which tests they have: the first begins. */
  open(): void;
}

interface Place {
  /** The same body, which waits for its turn first. Each one that is made here is called once. */
  queued<A extends readonly unknown[]>(body: (...args: A) => unknown): (...args: A) => unknown;
}

export function createQueue(): Queue {
  const { promise, resolve } = Promise.withResolvers<void>();
  let last = promise;
  return {
    open: resolve,
    join() {
      const { place, ended } = placeBehind(last);
      last = ended;
      return place;
    },
  };
}

function placeBehind(turn: Promise<void>): {
  readonly place: Place;
  readonly ended: Promise<void>;
} {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  let left = 0;
  const endIfNoneIsLeft = () => left === 0 && resolve();
  // A file whose tests are all skipped has no last one.
  void turn.then(endIfNoneIsLeft);
  const place: Place = {
    queued(body) {
      left += 1;
      return async (...args) => {
        await turn;
        try {
          return await body(...args);
        } finally {
          left -= 1;
          endIfNoneIsLeft();
        }
      };
    },
  };
  return { place, ended };
}

/** Of this process. */
export const suiteQueue = createQueue();
