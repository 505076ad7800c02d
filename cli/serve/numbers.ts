// What Prometheus reads of a server. Names of adapters are labels: a server has few of them, and
// requests for unknown names count under none.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ModelProcess } from './model-process.ts';
import type { Usage } from './openai-form.ts';

const seconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export class ServeMetrics {
  readonly registry = new Registry();
  readonly #requests: Counter<'status'>;
  readonly #tokens: Counter<'model' | 'kind'>;
  readonly #first: Histogram;
  readonly #whole: Histogram;

  constructor(process: ModelProcess) {
    const registers = [this.registry];
    this.#requests = new Counter({
      ...{ name: 'anneal_serve_requests_total', registers, labelNames: ['status'] },
      help: 'Requests for answers by HTTP status; 499 where the client went away.',
    });
    this.#tokens = new Counter({
      ...{ name: 'anneal_serve_tokens_total', registers, labelNames: ['model', 'kind'] },
      help: 'Tokens of finished answers, by model: read of prompts, and made.',
    });
    this.#first = new Histogram({
      ...{ name: 'anneal_serve_first_text_seconds', registers, buckets: seconds },
      help: 'Time from a request to the first text of its answer.',
    });
    this.#whole = new Histogram({
      ...{ name: 'anneal_serve_answer_seconds', registers, buckets: seconds },
      help: 'Time from a request to the end of its answer.',
    });
    const gauge = (name: string, help: string, value: () => number): Gauge =>
      new Gauge({
        ...{ name, help, registers },
        collect() {
          this.set(value());
        },
      });
    gauge('anneal_serve_waiting', 'Requests that wait.', () => process.numbers.waiting);
    gauge('anneal_serve_decoding', 'Requests in a step.', () => process.numbers.decoding);
    gauge(
      'anneal_serve_sequences',
      'Sequences in a step; a composed request may have several.',
      () => process.numbers.sequences,
    );
    gauge('anneal_serve_steps', 'Steps since the start.', () => process.numbers.steps);
    gauge('anneal_serve_pages', 'Pages of the cache.', () => process.numbers.pages);
    gauge('anneal_serve_free_pages', 'Pages that are free.', () => process.numbers.freePages);
    gauge(
      'anneal_serve_models',
      'The base, adapters and compositions.',
      () => process.models.length,
    );
  }

  answered(status: number): void {
    this.#requests.inc({ status: String(status) });
  }

  firstText(took: number): void {
    this.#first.observe(took);
  }

  ended(model: string, took: number, { promptTokens, madeTokens }: Usage): void {
    this.#whole.observe(took);
    this.#tokens.inc({ model, kind: 'read' }, promptTokens);
    this.#tokens.inc({ model, kind: 'made' }, madeTokens);
  }
}
