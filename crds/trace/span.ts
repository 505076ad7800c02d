// A span as our processes make it: work that has ended, with the place in the trace that it belongs
// to. Sending it is the exporter's affair.

export interface Span {
  /** 32 hexadecimal digits: the same for all that belongs to one job. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly parentId?: string | undefined;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: SpanAttributes;
  /** Why it did not succeed. */
  readonly error?: string | undefined;
}

export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where spans are put under: a trace and a span in it. */
export interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
}

export type SpanSink = (span: Span) => void;
