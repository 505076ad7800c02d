// What a request gets on its way to its client, an answer for each prompt: whole, or in pieces as
// they come (server-sent events).
import type { ServerResponse } from 'node:http';
import type { ServedQuestion, ServedToken } from '../../crds/serve/messages.ts';
import type { HeldLogprobs } from './held-logprobs.ts';
import type { ModelProcess } from './model-process.ts';
import type { ServeMetrics } from './numbers.ts';
import {
  errorBody,
  type Finish,
  type Heading,
  type Kind,
  opening,
  piece,
  type Usage,
  usagePiece,
  wholeAnswer,
} from './openai-form.ts';
import { send } from './send.ts';

interface Edge {
  readonly process: ModelProcess;
  readonly metrics: ServeMetrics;
  readonly held: HeldLogprobs;
  readonly now: () => number;
}

interface Asked {
  readonly kind: Kind;
  readonly questions: readonly ServedQuestion[];
  readonly stream: boolean;
  readonly wantsUsage: boolean;
}

/** One answer as far as it has come. */
interface Came {
  readonly index: number;
  text: string;
  finish: Finish | null;
  readonly tokens: ServedToken[] | undefined;
}

/** A client that reads so slowly that this much waits for it is left. */
const mostUnread = 2 ** 20;
/** Of a client that went away, as web servers count it. */
const left = 499;

const statusOf = { NoModel: 404, Invalid: 400, Crowded: 429, Failed: 500, Gone: 500 } as const;

function tooMany(most: number): string {
  return `answers that are not whole yet hold ${most} log probabilities, the most there may be; ask for fewer prompts at once`;
}

export class Answer {
  readonly #edge: Edge;
  readonly #asked: Asked;
  readonly #response: ServerResponse;
  readonly #heading: Heading;
  readonly #startedAt: number;
  readonly #choices: readonly Came[];
  readonly #usage = { promptTokens: 0, madeTokens: 0 };
  readonly #takeBack: (() => void)[] = [];
  #hasText = false;
  #held = 0;
  #isOver = false;

  constructor(edge: Edge, asked: Asked, response: ServerResponse) {
    this.#edge = edge;
    this.#asked = asked;
    this.#response = response;
    this.#startedAt = edge.now();
    this.#heading = {
      kind: asked.kind,
      id: `${asked.kind === 'chat' ? 'chatcmpl' : 'cmpl'}-${crypto.randomUUID()}`,
      created: Math.floor(this.#startedAt / 1000),
      model: asked.questions[0]?.model ?? '',
    };
    this.#choices = asked.questions.map(({ logprobs }, index) => ({
      ...{ index, text: '', finish: null },
      tokens: logprobs === undefined ? undefined : [],
    }));
  }

  begin(): void {
    this.#response.on('close', () => this.#leave());
    for (const [index, came] of this.#choices.entries()) {
      const question = this.#asked.questions[index];
      if (question === undefined || this.#isOver) return;
      const takeBack = this.#edge.process.ask(question, {
        onText: (text, tokens) => this.#add(came, text, tokens),
        onEnd: (reason, usage) => this.#end(came, reason, usage),
        onRefused: (reason, message) => this.#refuse(reason, message),
      });
      this.#takeBack.push(takeBack);
    }
  }

  #add(came: Came, text: string, tokens: readonly ServedToken[]): void {
    if (!this.#hasText) this.#edge.metrics.firstText(this.#seconds);
    this.#hasText = true;
    if (!this.#asked.stream) {
      came.text += text;
      const count = this.#edge.held.take(tokens);
      if (count === undefined) {
        this.#refuse('Crowded', tooMany(this.#edge.held.most));
        return;
      }
      this.#held += count;
      // One by one: those of a long prompt are more than a call has arguments.
      for (const token of tokens) came.tokens?.push(token);
      return;
    }
    // Before it is written: one piece may be larger, with all that is known of a long prompt.
    if (this.#response.writableLength > mostUnread) {
      this.#response.destroy();
      return;
    }
    this.#open();
    this.#write(piece(this.#heading, { ...came, text, tokens: came.tokens && tokens }));
  }

  #end(came: Came, reason: Finish, usage: Usage): void {
    came.finish = reason;
    this.#usage.promptTokens += usage.promptTokens;
    this.#usage.madeTokens += usage.madeTokens;
    if (this.#asked.stream) {
      this.#open();
      this.#write(piece(this.#heading, { ...came, tokens: undefined }));
    }
    if (this.#choices.every(({ finish }) => finish !== null)) this.#finish();
  }

  #finish(): void {
    this.#close();
    this.#edge.metrics.ended(this.#heading.model, this.#seconds, this.#usage);
    this.#edge.metrics.answered(200);
    if (!this.#asked.stream) {
      send(this.#response, 200, wholeAnswer(this.#heading, this.#choices, this.#usage));
      return;
    }
    if (this.#asked.wantsUsage) this.#write(usagePiece(this.#heading, this.#usage));
    this.#response.end('data: [DONE]\n\n');
  }

  /** One prompt that is refused is the whole request. */
  #refuse(reason: keyof typeof statusOf, message: string): void {
    if (this.#isOver) return;
    this.#close();
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
    if (this.#heading.kind === 'chat') this.#write(opening(this.#heading));
  }

  #write(event: object): void {
    this.#response.write(`data: ${JSON.stringify(event)}\n\n`);
  }

  #leave(): void {
    if (this.#isOver) return;
    this.#close();
    this.#edge.metrics.answered(left);
  }

  /** Nothing comes any more. */
  #close(): void {
    this.#isOver = true;
    for (const takeBack of this.#takeBack) takeBack();
    this.#edge.held.give(this.#held);
    this.#held = 0;
  }

  get #seconds(): number {
    return (this.#edge.now() - this.#startedAt) / 1000;
  }
}
