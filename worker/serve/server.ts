// Answers requests with one base and its adapters: between two steps requests come and go, the one
// of the model with the least work begins next, and each step gives all of them a token.
import { AnnealError } from '../../crds/failures/errors.ts';
import type {
  ServedModel,
  ServedQuestion,
  ServeMessage,
  ServeNumbers,
} from '../../crds/serve/messages.ts';
import { Decoder } from '../decoding/decoder.ts';
import type { Question, Sequence } from '../decoding/sequence.ts';
import { FairQueue } from './fair-queue.ts';
import { questionOf, type Texts } from './questions.ts';
import { adapterTap, type Base, loadAdapter, type ServedAdapter } from './served-adapter.ts';
import { TextOut } from './text-out.ts';

interface ServerOptions {
  /** Of the base in requests. */
  readonly name: string;
  readonly base: Base;
  readonly texts: Texts;
  readonly pages: number;
  /** Sequences in one step. */
  readonly together: number;
  readonly context: number;
  readonly maxTokens: number;
  /** Seconds since 1970. */
  readonly now: () => number;
  readonly say: (message: ServeMessage) => void;
}

interface Request {
  readonly id: number;
  readonly model: string;
  readonly question: Question;
  readonly out: TextOut;
  sequence?: Sequence;
  /** Tokens whose text was given to `out`. */
  read: number;
}

interface Loaded {
  readonly adapter: ServedAdapter;
  readonly since: number;
}

type StepMessage = Extract<ServeMessage, { serve: 'Step' }>;

export class Server implements Disposable {
  readonly #options: ServerOptions;
  readonly #decoder: Decoder;
  readonly #queue = new FairQueue<Request>();
  readonly #requests = new Map<number, Request>();
  readonly #adapters = new Map<string, Loaded>();
  /** Removed, and still used by requests that came before. */
  readonly #leaving = new Set<ServedAdapter>();
  readonly #since: number;
  #steps = 0;

  constructor(options: ServerOptions) {
    const { base, pages, now } = options;
    this.#options = options;
    this.#decoder = new Decoder(base.model, { pages, tapOf: adapterTap });
    this.#since = now();
  }

  get isIdle(): boolean {
    return this.#requests.size === 0;
  }

  get models(): readonly ServedModel[] {
    const { name } = this.#options;
    const adapters = [...this.#adapters].map(([own, { since }]) => ({
      name: own,
      base: name,
      since,
    }));
    return [{ name, since: this.#since }, ...adapters];
  }

  /** Throws where the folder has no adapter for this base. */
  async addAdapter(name: string, folder: string): Promise<void> {
    const adapter = await loadAdapter(name, folder, this.#options.base);
    this.removeAdapter(name);
    this.#adapters.set(name, { adapter, since: this.#options.now() });
  }

  /** Requests that came before are still answered with it. */
  removeAdapter(name: string): void {
    const found = this.#adapters.get(name);
    if (found === undefined) return;
    this.#adapters.delete(name);
    this.#leaving.add(found.adapter);
    this.#unload();
  }

  ask(id: number, asked: ServedQuestion): void {
    const { name, say, texts, pages: _, ...limits } = this.#options;
    const change = this.#adapters.get(asked.model)?.adapter;
    if (change === undefined && asked.model !== name) {
      const message = `the model ${asked.model} does not exist`;
      say({ serve: 'Refused', id, reason: 'NoModel', message });
      return;
    }
    try {
      const question = { ...questionOf(asked, texts, limits), ...(change && { change }) };
      const out = new TextOut(texts.tokenizer.bytesOf, asked.stop);
      const request: Request = { id, model: asked.model, question, out, read: 0 };
      this.#requests.set(id, request);
      this.#queue.add(asked.model, request);
    } catch (error) {
      // What is wrong with one request must not end the others.
      const reason = error instanceof AnnealError ? 'Invalid' : 'Failed';
      say({ serve: 'Refused', id, reason, message: error instanceof Error ? error.message : '' });
    }
  }

  /** Nobody waits for the answer any more. */
  drop(id: number): void {
    const request = this.#requests.get(id);
    if (request === undefined) return;
    this.#requests.delete(id);
    if (request.sequence === undefined) this.#queue.drop(request);
    else {
      this.#decoder.drop(request.sequence);
      this.#queue.end(request.model);
    }
    this.#unload();
  }

  /** Begins those that fit, gives each a token, and says what came. */
  step(): void {
    this.#begin();
    this.#decoder.step();
    this.#steps += 1;
    const texts: StepMessage['texts'] = [];
    const ends: StepMessage['ends'] = [];
    for (const request of [...this.#requests.values()]) {
      const { sequence, id } = request;
      if (sequence === undefined) continue;
      if (sequence.end === 'NotFinite') this.#fail(request);
      else {
        const text = this.#read(request, sequence);
        if (text !== '') texts.push({ id, text });
        const end = this.#endOf(request, sequence);
        if (end !== undefined) ends.push(end);
      }
    }
    this.#unload();
    this.#options.say({ serve: 'Step', texts, ends, numbers: this.#numbers });
  }

  [Symbol.dispose](): void {
    this.#decoder[Symbol.dispose]();
    for (const { adapter } of this.#adapters.values()) adapter[Symbol.dispose]();
    for (const adapter of this.#leaving) adapter[Symbol.dispose]();
  }

  #begin(): void {
    for (let { next } = this.#queue; next !== undefined; { next } = this.#queue) {
      const isFull = this.#decoder.live.length >= this.#options.together;
      // One that is larger than what is free waits, and nobody passes it: it would wait for ever.
      if (isFull || !this.#decoder.fits(next.question)) return;
      this.#queue.take(next.question.prompt.length);
      next.sequence = this.#decoder.start(next.question);
    }
  }

  /** Text of the tokens that came since. */
  #read(request: Request, { made, end }: Sequence): string {
    const { out } = request;
    let text = '';
    for (const id of made.slice(request.read)) text += out.add(id);
    this.#queue.made(request.model, made.length - request.read);
    request.read = made.length;
    return end === undefined ? text : text + out.end();
  }

  #endOf(request: Request, sequence: Sequence): StepMessage['ends'][number] | undefined {
    const { id, out, question } = request;
    if (sequence.end === undefined && !out.isOver) return undefined;
    this.#requests.delete(id);
    if (sequence.end === undefined) this.#decoder.drop(sequence);
    this.#queue.end(request.model);
    const isLength = sequence.end === 'Length' && !out.isOver;
    return {
      ...{ id, reason: isLength ? 'length' : 'stop' },
      ...{ promptTokens: question.prompt.length, madeTokens: sequence.made.length },
    };
  }

  #fail({ id, model }: Request): void {
    this.#requests.delete(id);
    this.#queue.end(model);
    const message = `the model ${model} gave numbers that are not finite`;
    this.#options.say({ serve: 'Refused', id, reason: 'Failed', message });
  }

  #unload(): void {
    const used = new Set([...this.#requests.values()].map(({ question }) => question.change));
    for (const adapter of this.#leaving) {
      if (used.has(adapter)) continue;
      this.#leaving.delete(adapter);
      adapter[Symbol.dispose]();
    }
  }

  get #numbers(): ServeNumbers {
    const { live, freePages } = this.#decoder;
    const { pages } = this.#options;
    return {
      waiting: this.#queue.length,
      decoding: live.length,
      freePages,
      pages,
      steps: this.#steps,
    };
  }
}
