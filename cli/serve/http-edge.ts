// The HTTP side of `anneal serve`: routes, limits, and who is told what. It computes nothing: the
// model is in a process of its own.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type * as z from 'zod';
import type { ServedQuestion } from '../../crds/serve/messages.ts';
import {
  chatQuestion,
  chatRequest,
  completionQuestions,
  completionRequest,
  mostBodyBytes,
  problemOf,
} from '../../crds/serve/requests.ts';
import { parseJson, RefusedBytes } from '../../crds/text/json.ts';
import { Answer } from './answer.ts';
import type { HeldLogprobs } from './held-logprobs.ts';
import type { ModelProcess } from './model-process.ts';
import type { ServeMetrics } from './numbers.ts';
import { adapterStates, errorBody, type Kind, modelBody, modelList } from './openai-form.ts';
import { readBody } from './read-body.ts';
import { send } from './send.ts';

interface EdgeOptions {
  readonly process: ModelProcess;
  readonly metrics: ServeMetrics;
  readonly held: HeldLogprobs;
  /** Questions that are open at once; more are refused. */
  readonly most: number;
  /** It will end soon: it answers, and asks clients to connect to another one. */
  readonly isLeaving: () => boolean;
  readonly isDraining: () => boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Of a request without one. */
  readonly seed: () => number;
}

const bodyLimit = { bytes: mostBodyBytes, depth: 16, values: 1_100_000 };
/** A client that sends nothing holds a connection for so long. */
const patience = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 5_000 };

export function httpEdge(options: EdgeOptions): Server {
  const server = createServer({ ...patience, maxHeaderSize: 16_384 }, (request, response) => {
    if (options.isLeaving()) response.setHeader('connection', 'close');
    route(options, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      // A client that went away while its body was read.
      else if (request.destroyed) response.destroy();
      else send(response, 500, errorBody(`the server failed: ${String(error)}`, failed));
    });
  });
  server.maxRequestsPerSocket = 1000;
  return server;
}

const failed = { type: 'server_error' } as const;

async function route(
  options: EdgeOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { process, metrics } = options;
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const asked = `${request.method} ${path}`;
  if (asked === 'POST /v1/chat/completions') return answer(options, 'chat', request, response);
  if (asked === 'POST /v1/completions') return answer(options, 'text', request, response);
  if (asked === 'GET /v1/models') return send(response, 200, modelList(process.models));
  if (asked.startsWith('GET /v1/models/')) {
    const name = path.slice('/v1/models/'.length);
    const found = process.models.find((one) => one.name === name);
    if (found !== undefined) return send(response, 200, modelBody(found));
    return send(response, 404, noModel(name));
  }
  if (asked === 'GET /adapters') {
    const { models, refused } = process;
    const states = adapterStates({ models, refused, loadOf: (model) => process.loadOf(model) });
    return send(response, 200, states);
  }
  if (asked === 'GET /healthz') return text(response, process.isGone ? 503 : 200);
  if (asked === 'GET /readyz') {
    const stays = !options.isLeaving() && !options.isDraining();
    return text(response, process.isReady && stays ? 200 : 503);
  }
  if (asked === 'GET /metrics') {
    response.setHeader('content-type', metrics.registry.contentType);
    response.end(await metrics.registry.metrics());
    return;
  }
  send(response, 404, errorBody(`there is no ${request.method} ${path.slice(0, 200)}`));
}

async function answer(
  options: EdgeOptions,
  kind: Kind,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const refuse = (status: number, body: object): void => {
    options.metrics.answered(status);
    send(response, status, body);
  };
  if (!options.process.isReady || options.isDraining()) {
    const why = options.isDraining() ? 'is shutting down' : 'is not ready';
    return refuse(503, errorBody(`the server ${why}`, failed));
  }
  const body = await readBody(request, mostBodyBytes);
  if (body === undefined) {
    return refuse(
      413,
      errorBody(`the body has more than ${mostBodyBytes} bytes, the most there may be`),
    );
  }
  const read = questionsIn(kind, body, options.seed);
  if ('problem' in read) {
    return refuse(400, errorBody(read.problem.message, { param: read.problem.field || null }));
  }
  const { questions } = read;
  const model = questions[0]?.model ?? '';
  if (!options.process.models.some(({ name }) => name === model))
    return refuse(404, noModel(model));
  if (questions.length > options.most) {
    const message = `prompt has ${questions.length} prompts; this server takes ${options.most} at once, so ask for them in several requests`;
    return refuse(400, errorBody(message, { param: 'prompt' }));
  }
  const { open } = options.process;
  if (open + questions.length > options.most) {
    response.setHeader('retry-after', '1');
    const message =
      questions.length === 1
        ? `${open} requests are open, the most there may be; ask again later`
        : `${open} of ${options.most} requests are open, too many for ${questions.length} prompts; ask again later`;
    return refuse(429, errorBody(message, { type: 'rate_limit_error', code: 'queue_full' }));
  }
  new Answer(options, { ...read, kind }, response).begin();
}

type Read =
  | {
      readonly questions: readonly ServedQuestion[];
      readonly stream: boolean;
      readonly wantsUsage: boolean;
    }
  | { readonly problem: { readonly field: string; readonly message: string } };

function questionsIn(kind: Kind, body: Buffer, seed: () => number): Read {
  const json = jsonIn(body);
  if (json instanceof RefusedBytes) {
    return { problem: { field: '', message: `the body ${json.message}` } };
  }
  return kind === 'chat'
    ? readAs(chatRequest, json, (request) => [chatQuestion(request, seed())])
    : readAs(completionRequest, json, (request) => completionQuestions(request, seed));
}

function readAs<S extends z.ZodType<Streamed>>(
  schema: S,
  json: unknown,
  questionsOf: (request: z.output<S>) => readonly ServedQuestion[],
): Read {
  const { data, error } = schema.safeParse(json);
  if (error !== undefined) return { problem: problemOf(error) };
  return {
    questions: questionsOf(data),
    stream: data.stream === true,
    wantsUsage: data.stream_options?.include_usage === true,
  };
}

interface Streamed {
  readonly stream?: boolean | null | undefined;
  readonly stream_options?: { include_usage?: boolean | null | undefined } | null | undefined;
}

function jsonIn(body: Buffer): unknown {
  try {
    return parseJson(body, bodyLimit);
  } catch (error) {
    if (error instanceof RefusedBytes) return error;
    throw error;
  }
}

function noModel(name: string) {
  const message = `The model \`${name.slice(0, 200)}\` does not exist`;
  return errorBody(message, { param: 'model', code: 'model_not_found' });
}

function text(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'text/plain' });
  response.end(status === 200 ? 'ok\n' : 'not ready\n');
}
