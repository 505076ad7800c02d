// Which spans are exported: `observability.traceSampling`, decided once per job. If only failed
// jobs are traced, the spans wait here until the outcome is known; their number is bounded, and
// those in the middle of a long run are dropped first.
import type { FineTuneJobSpec } from '../api/job.ts';
import type { Span, SpanSink } from './span.ts';

export type TraceSampling = FineTuneJobSpec['observability']['traceSampling'];

const defaultLimit = 256;

export class SampledSpans {
  readonly #sampling: TraceSampling;
  readonly #send: SpanSink;
  readonly #limit: number;
  #held: Span[] = [];

  constructor(sampling: TraceSampling, send: SpanSink, limit = defaultLimit) {
    this.#sampling = sampling;
    this.#send = send;
    this.#limit = limit;
  }

  readonly put = (span: Span): void => {
    if (this.#sampling === 'All') this.#send(span);
    if (this.#sampling !== 'Errors') return;
    if (this.#held.length >= this.#limit) this.#held.splice(this.#limit / 2, 1);
    this.#held.push(span);
  };

  end(failed: boolean): void {
    if (failed) for (const span of this.#held) this.#send(span);
    this.#held = [];
  }
}
