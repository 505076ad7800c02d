// The only module that uses OpenTelemetry: exports finished spans by OTLP. Nothing waits for it:
// spans are in a bounded queue, one request is in flight, spans that a collector refuses are
// dropped and counted, and shutdown waits a few seconds at most. Its packages are loaded with the
// first span, so that a process without spans does not pay for them.
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { BatchSpanProcessor, ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Span, SpanAttributes } from './span.ts';

export interface ExporterSettings {
  /** Endpoint of the export. */
  readonly endpoint: string;
  /** Value of `service.name`. */
  readonly service: string;
  readonly version: string;
  /** Attributes of the process: its pod, its node. */
  readonly resource?: Readonly<Record<string, string>>;
  /** Limit for a request with all its retries, and for shutdown. */
  readonly timeoutMs: number;
  /** Spans that may wait. @default 2048 */
  readonly queue?: number;
  readonly onDropped?: (spans: number, why: string) => void;
}

const batch = 512;
const everyMs = 2_000;

interface Loaded {
  readonly processor: BatchSpanProcessor;
  readonly resource: ReadableSpan['resource'];
}

export class SpanExporter {
  readonly #settings: ExporterSettings;
  readonly #queue: number;
  /** Spans that arrived before the packages were loaded. */
  readonly #early: Span[] = [];
  #loading: Promise<void> | undefined;
  #loaded: Loaded | undefined;
  #waiting = 0;
  #dropped = 0;
  #isClosed = false;

  constructor(settings: ExporterSettings) {
    this.#settings = settings;
    this.#queue = settings.queue ?? 2048;
  }

  /** Spans dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  readonly put = (span: Span): void => {
    if (this.#isClosed || this.#waiting >= this.#queue) {
      this.#drop(1, `more than ${this.#queue} spans wait to be sent`);
      return;
    }
    this.#waiting += 1;
    if (this.#loaded === undefined) this.#early.push(span);
    else this.#loaded.processor.onEnd(readable(span, this.#loaded.resource));
    this.#loading ??= this.#load();
  };

  /** Exports the remaining spans within the time limit; never rejects. */
  async close(): Promise<void> {
    const { timeoutMs } = this.#settings;
    const over = new AbortController();
    const limit = wait(timeoutMs, undefined, { signal: over.signal }).catch(() => {});
    await Promise.race([this.#finish(), limit]);
    over.abort();
    this.#isClosed = true;
    if (this.#waiting > 0) this.#drop(this.#waiting, `nothing was answered within ${timeoutMs} ms`);
  }

  async #finish(): Promise<void> {
    await this.#loading;
    await this.#loaded?.processor.shutdown().catch(() => {}); // unsent spans are counted
  }

  async #load(): Promise<void> {
    try {
      this.#loaded = await load(this.#settings, this.#queue, (spans, why) => {
        // Spans dropped at shutdown are already counted.
        if (this.#isClosed) return;
        this.#waiting -= spans;
        if (why !== undefined) this.#drop(spans, why);
      });
    } catch (error) {
      this.#drop(this.#waiting, String(error));
      this.#waiting = 0;
      this.#isClosed = true;
      return;
    }
    const { processor, resource } = this.#loaded;
    for (const span of this.#early.splice(0)) processor.onEnd(readable(span, resource));
  }

  #drop(spans: number, why: string): void {
    this.#dropped += spans;
    this.#settings.onDropped?.(spans, why);
  }
}

async function load(
  { endpoint, service, version, resource: facts, timeoutMs }: ExporterSettings,
  queue: number,
  done: (spans: number, why: string | undefined) => void,
): Promise<Loaded> {
  const [trace, { OTLPTraceExporter }, resources] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-proto'),
    import('@opentelemetry/resources'),
  ]);
  const { detectResources, envDetector, resourceFromAttributes } = resources;
  const own = { 'service.name': service, 'service.version': version, ...facts };
  const sender = new OTLPTraceExporter({ url: endpoint, timeoutMillis: timeoutMs });
  const processor = new trace.BatchSpanProcessor({
    ...{ maxQueueSize: queue, maxExportBatchSize: Math.min(batch, queue) },
    ...{ scheduledDelayMillis: everyMs, exportTimeoutMillis: timeoutMs },
    exporter: {
      export(spans, told) {
        sender.export(spans, ({ error }) => {
          done(spans.length, error?.message);
          // It is counted; the processor would only log it again.
          told({ code: 0 });
        });
      },
      shutdown: () => sender.shutdown(),
      forceFlush: () => sender.forceFlush(),
    },
  });
  // OTEL_RESOURCE_ATTRIBUTES of the user overrides ours.
  const said = detectResources({ detectors: [envDetector] });
  return { processor, resource: resourceFromAttributes(own).merge(said) };
}

export function newSpanId(): string {
  return randomBytes(8).toString('hex');
}

export function newTraceId(): string {
  return randomBytes(16).toString('hex');
}

const sampled = 1;
const internal = 0;
const statusUnset = 0;
const statusError = 2;

function readable(span: Span, resource: ReadableSpan['resource']): ReadableSpan {
  const { traceId, spanId, parentId, name, startMs, endMs, attributes, error } = span;
  const context = { traceId, spanId, traceFlags: sampled };
  const duration = Math.max(0, endMs - startMs);
  return {
    ...{ name, kind: internal, resource, attributes: given(attributes) },
    ...{ links: [], events: [], ended: true },
    spanContext: () => context,
    ...(parentId === undefined
      ? {}
      : { parentSpanContext: { traceId, spanId: parentId, traceFlags: sampled, isRemote: true } }),
    startTime: timeOf(startMs),
    endTime: timeOf(startMs + duration),
    duration: timeOf(duration),
    status: error === undefined ? { code: statusUnset } : { code: statusError, message: error },
    instrumentationScope: { name: 'anneal' },
    ...{ droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
  };
}

function given(attributes: SpanAttributes): ReadableSpan['attributes'] {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}

/** Seconds and nanoseconds. */
function timeOf(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.min(999_999_999, Math.round((ms - seconds * 1000) * 1e6))];
}
