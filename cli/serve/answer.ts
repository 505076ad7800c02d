// One answer on its way to its client: whole, or in pieces as they come (server-sent events).
import type { ServerResponse } from 'node:http';
import type { ServedQuestion } from '../../crds/serve/messages.ts';
import type { ModelProcess, Refusal } from './model-process.ts';
import type { ServeMetrics } from './numbers.ts';
import {
  errorBody,
  type Finish,
  type Heading,
  type Kind,
  piece,
  type Usage,
  usagePiece,
  wholeAnswer,
} from './openai-form.ts';
import { send } from './send.ts';

interface Edge {
  readonly process: ModelProcess;
  readonly metrics: ServeMetrics;
  readonly now: () => number;
}

interface Asked {
  readonly kind: Kind;
  readonly question: ServedQuestion;
  readonly stream: boolean;
  readonly wantsUsage: boolean;
}

/** A client that reads so slowly that this much waits for it is left. */
const mostUnread = 2 ** 20;
/** Of a client that went away, as web servers count it. */
const left = 499;

const statusOf = { NoModel: 404, Invalid: 400, Failed: 500, Gone: 500 } as const;

export class Answer {
  readonly #edge: Edge;
  readonly #asked: Asked;
  readonly #response: ServerResponse;
  readonly #heading: Heading;
  readonly #startedAt: number;
  #text = '';
  #hasText = false;
  #isOver = false;
  #takeBack = (): void => {};

  constructor(edge: Edge, asked: Asked, response: ServerResponse) {
    this.#edge = edge;
    this.#asked = asked;
    this.#response = response;
    this.#startedAt = edge.now();
    this.#heading = {
      kind: asked.kind,
      id: `${asked.kind === 'chat' ? 'chatcmpl' : 'cmpl'}-${crypto.randomUUID()}`,
      created: Math.floor(this.#startedAt / 1000),
      model: asked.question.model,
    };
  }

  begin(): void {
    this.#response.on('close', () => this.#leave());
    this.#takeBack = this.#edge.process.ask(this.#asked.question, {
      onText: (text) => this.#add(text),
      onEnd: (reason, usage) => this.#end(reason, usage),
      onRefused: (reason, message) => this.#refuse(reason, message),
    });
  }

  #add(text: string): void {
    if (!this.#hasText) this.#edge.metrics.firstText(this.#seconds);
    this.#hasText = true;
    if (!this.#asked.stream) {
      this.#text += text;
      return;
    }
    this.#open();
    this.#write(piece(this.#heading, text));
    if (this.#response.writableLength > mostUnread) this.#response.destroy();
  }

  #end(reason: Finish, usage: Usage): void {
    this.#isOver = true;
    this.#edge.metrics.ended(this.#heading.model, this.#seconds, usage);
    this.#edge.metrics.answered(200);
    if (!this.#asked.stream) {
      send(this.#response, 200, wholeAnswer(this.#heading, this.#text, reason, usage));
      return;
    }
    this.#open();
    this.#write(piece(this.#heading, '', reason));
    if (this.#asked.wantsUsage) this.#write(usagePiece(this.#heading, usage));
    this.#response.end('data: [DONE]\n\n');
  }

  #refuse(reason: Refusal, message: string): void {
    this.#isOver = true;
    const status = statusOf[reason];
    this.#edge.metrics.answered(status);
    const type = status < 500 ? 'invalid_request_error' : 'server_error';
    const param = reason === 'NoModel' ? 'model' : null;
    const code = reason === 'NoModel' ? 'model_not_found' : null;
    const body = errorBody(message, { type, param, code });
    if (!this.#response.headersSent) send(this.#response, status, body);
    else {
      this.#write(body);
      this.#response.end();
    }
  }

  /** The headers, and for a conversation whose turn it is; once. */
  #open(): void {
    if (this.#response.headersSent) return;
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache',
    });
    if (this.#heading.kind === 'chat') this.#write(piece(this.#heading, null));
  }

  #write(event: object): void {
    this.#response.write(`data: ${JSON.stringify(event)}\n\n`);
  }

  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#takeBack();
    this.#edge.metrics.answered(left);
  }

  get #seconds(): number {
    return (this.#edge.now() - this.#startedAt) / 1000;
  }
}
