// A span of our processes: finished work, with its trace context. The exporter sends it.

export interface Span {
  /** 32 hexadecimal digits, the same for all spans of a job. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  readonly parentId?: string | undefined;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: SpanAttributes;
  /** Why it failed. */
  readonly error?: string | undefined;
}

export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** The parent of a span: a trace and a span in it. */
export interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
}

export type SpanSink = (span: Span) => void;
