// What all tests of a file share on the cluster is closed after the last of them.
import type ava from 'ava';
import type { Closing } from './access.ts';

/** Plays the part of a test for what is closed with the file, the last first. */
export function closedAfter(tests: typeof ava): Closing {
  const stack = new AsyncDisposableStack();
  tests.after.always(() => stack.disposeAsync());
  return {
    teardown: (close) => {
      stack.defer(async () => void (await close()));
    },
  };
}
