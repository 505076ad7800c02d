/**
 * Reads the TAP that AVA prints. AVA speaks a small part of it: one line a test, an indented block
 * of facts below a failure, `#` lines for what a test logged, and a plan at the very end. A stream
 * without that plan means that AVA itself died, which must count as a failure.
 */
export type TapEvent =
  | { readonly kind: 'test'; readonly result: TestResult }
  /** Its facts, if any, are still to come. */
  | { readonly kind: 'ended'; readonly title: string }
  /** Of the test that is told next. */
  | { readonly kind: 'log'; readonly text: string };

export interface TestResult {
  readonly title: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** The block of facts below a failure, without its indentation. */
  readonly facts: readonly string[];
}

export interface TapReader {
  /** One line of output, without its end. */
  line(text: string): void;
  /** No more lines come. True when AVA printed its plan. */
  end(): boolean;
}

const resultLine = /^(ok|not ok) \d+ - (.*?)(?: # (SKIP|TODO)\b.*)?$/;

export function readTap(onEvent: (event: TapEvent) => void): TapReader {
  let pending: TestResult | undefined;
  let facts: string[] | undefined;
  let planned = false;

  const flush = () => {
    if (pending) onEvent({ kind: 'test', result: { ...pending, facts: facts ?? [] } });
    pending = undefined;
    facts = undefined;
  };

  return {
    line(text) {
      if (facts && /^ {2}\.\.\.$/.test(text)) return flush();
      if (facts) return void facts.push(text.slice(4));
      if (pending && /^ {2}---$/.test(text)) {
        facts = [];
        return;
      }
      // What a test logged stands between its result and the block of its facts.
      if (text.startsWith('#   ')) return onEvent({ kind: 'log', text: text.slice(4) });
      // A log that ends its last line leaves an empty one behind.
      if (text === '') return;
      flush();
      const result = resultLine.exec(text);
      if (result) {
        pending = toResult(result);
        onEvent({ kind: 'ended', title: pending.title });
      }
      if (/^1\.\.\d+/.test(text)) planned = true;
    },
    end() {
      flush();
      return planned;
    },
  };
}

function toResult([, state, title = '', directive]: RegExpExecArray): TestResult {
  // AVA prints a test.todo as "not ok … # TODO" and does not fail because of it.
  const outcome = directive ? 'skipped' : state === 'ok' ? 'passed' : 'failed';
  return { title, outcome, facts: [] };
}
