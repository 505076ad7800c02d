// A collector of OTLP over HTTP, written from the protocol and not from the packages that send to
// it: takes `ExportTraceServiceRequest` as protobuf, keeps the spans, and can be slow, refuse or
// never answer.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Empty where the span is no error. */
  readonly error: string;
  readonly resource: Readonly<Record<string, string | number>>;
}

export type CollectorMood = 'Takes' | 'IsSilent' | { readonly status: number };

export class OtlpCollector implements AsyncDisposable {
  readonly endpoint: string;
  readonly spans: CollectedSpan[] = [];
  requests = 0;
  mood: CollectorMood = 'Takes';
  readonly #server: ReturnType<typeof createServer>;

  static async start(): Promise<OtlpCollector> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new OtlpCollector(server);
  }

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  names(): readonly string[] {
    return this.spans.map(({ name }) => name);
  }

  named(name: string): CollectedSpan {
    const found = this.spans.filter((span) => span.name === name);
    if (found.length !== 1) throw new Error(`${found.length} spans have the name ${name}`);
    return found[0]!;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (this.mood === 'IsSilent') return;
    if (this.mood !== 'Takes') {
      response.writeHead(this.mood.status).end();
      return;
    }
    const { method, url, headers } = request;
    const type = headers['content-type'];
    if (method !== 'POST' || url !== '/v1/traces' || type !== 'application/x-protobuf') {
      response.writeHead(404).end();
      return;
    }
    this.spans.push(...spansIn(Buffer.concat(chunks)));
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

interface Field {
  readonly number: number;
  readonly bytes: Buffer;
  readonly value: bigint;
}

/** The fields of a message in their order. */
function fieldsOf(message: Buffer): readonly Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = Number(varint());
    const number = key >> 3;
    const none = Buffer.alloc(0);
    if ((key & 7) === 0) fields.push({ number, bytes: none, value: varint() });
    else if ((key & 7) === 2) {
      const length = Number(varint());
      fields.push({ number, bytes: message.subarray(at, at + length), value: 0n });
      at += length;
    } else {
      const length = (key & 7) === 1 ? 8 : 4;
      const bytes = message.subarray(at, at + length);
      fields.push({ number, bytes, value: length === 8 ? bytes.readBigUInt64LE() : 0n });
      at += length;
    }
  }
  return fields;
}

const all = (message: Buffer, number: number): readonly Buffer[] =>
  fieldsOf(message)
    .filter((field) => field.number === number)
    .map(({ bytes }) => bytes);
const one = (message: Buffer, number: number): Buffer => all(message, number)[0] ?? Buffer.alloc(0);
const numberOf = (message: Buffer, number: number): bigint =>
  fieldsOf(message).find((field) => field.number === number)?.value ?? 0n;

function spansIn(request: Buffer): readonly CollectedSpan[] {
  return all(request, 1).flatMap((resourceSpans) => {
    const resource = attributesIn(one(resourceSpans, 1), 1);
    const scopes = all(resourceSpans, 2);
    return scopes.flatMap((scope) => all(scope, 2).map((span) => spanOf(span, resource)));
  });
}

function spanOf(span: Buffer, resource: CollectedSpan['resource']): CollectedSpan {
  const status = one(span, 15);
  return {
    traceId: one(span, 1).toString('hex'),
    spanId: one(span, 2).toString('hex'),
    parentId: one(span, 4).toString('hex'),
    name: one(span, 5).toString(),
    startMs: Number(numberOf(span, 7)) / 1e6,
    endMs: Number(numberOf(span, 8)) / 1e6,
    attributes: attributesIn(span, 9),
    error: numberOf(status, 3) === 2n ? one(status, 2).toString() : '',
    resource,
  };
}

function attributesIn(message: Buffer, number: number): Record<string, string | number> {
  return Object.fromEntries(
    all(message, number).map((pair) => [one(pair, 1).toString(), anyOf(one(pair, 2))]),
  );
}

function anyOf(any: Buffer): string | number {
  const [field] = fieldsOf(any);
  if (field === undefined) return '';
  if (field.number === 1) return field.bytes.toString();
  return field.number === 4 ? field.bytes.readDoubleLE() : Number(field.value);
}
