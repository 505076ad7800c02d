// Answers requests with one base, its adapters and their compositions: between two steps requests
// come and go, the one of the model with the least work begins next, and each step gives all of
// them a token.
import { AnnealError } from '../../crds/failures/errors.ts';
import { pageTokens } from '../../crds/plan/serving-memory.ts';
import type { Composition } from '../../crds/serve/compositions.ts';
import type {
  ServedModel,
  ServedQuestion,
  ServeMessage,
  ServeNumbers,
} from '../../crds/serve/messages.ts';
import { Decoder } from '../decoding/decoder.ts';
import type { Question, Sequence } from '../decoding/sequence.ts';
import { AnswerOut } from './answer-out.ts';
import { requireRoom } from './compose.ts';
import { FairQueue } from './fair-queue.ts';
import { questionOf, requireOneReader, type Texts } from './questions.ts';
import { adapterTap, type Base, loadAdapter } from './served-adapter.ts';
import { type Answerer, copiesOf, ServedModels } from './served-models.ts';

interface ServerOptions {
  /** Of the base in requests. */
  readonly name: string;
  readonly base: Base;
  readonly compositions: readonly Composition[];
  /** Throws where so many bytes of adapters do not fit. */
  readonly budget: { require(adapterBytes: number, name: string): void };
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
  readonly answerer: Answerer;
  readonly question: Question;
  readonly out: AnswerOut;
  sequence?: Sequence;
  /** Tokens that the queue was told of. */
  counted: number;
}

type StepMessage = Extract<ServeMessage, { serve: 'Step' }>;

export class Server implements Disposable {
  readonly #options: ServerOptions;
  readonly #decoder: Decoder;
  readonly #queue = new FairQueue<Request>();
  readonly #requests = new Map<number, Request>();
  readonly #models: ServedModels;
  #steps = 0;
  #made = 0;

  /** Throws for a composition that is too large ever to begin. */
  constructor(options: ServerOptions) {
    const { base, pages, together, compositions } = options;
    requireRoom(compositions, options);
    this.#options = options;
    this.#decoder = new Decoder(base.model, { pages, tapOf: adapterTap, promptRows: together });
    this.#models = new ServedModels(options);
  }

  get isIdle(): boolean {
    return this.#requests.size === 0;
  }

  get models(): readonly ServedModel[] {
    return this.#models.list;
  }

  /** Compositions that wait for a part, with a sentence. */
  get waiting(): ServedModels['waiting'] {
    return this.#models.waiting;
  }

  /**
   * `place`: what is said of where it is. Throws where the folder has no adapter for this base, or
   * none that fits into the memory.
   */
  async addAdapter(name: string, folder: string, place = folder): Promise<void> {
    const { base, budget, compositions } = this.#options;
    const copies = copiesOf(name, compositions);
    const adapter = await loadAdapter(name, folder, base, (bytes) =>
      budget.require(this.#models.bytes + copies * bytes, name),
    );
    this.#models.add(name, adapter, place);
    this.#unload();
  }

  /** Requests that came before are still answered with it. */
  removeAdapter(name: string): void {
    this.#models.remove(name);
    this.#unload();
  }

  ask(id: number, asked: ServedQuestion): void {
    const { say, texts, pages, maxTokens } = this.#options;
    const answerer = this.#models.find(asked.model);
    if (answerer === undefined) {
      const message = `the model ${asked.model} does not exist`;
      say({ serve: 'Refused', id, reason: 'NoModel', message });
      return;
    }
    try {
      const { by, lanes } = answerer;
      // The whole cache has room for so many tokens in each lane.
      const most = Math.floor(pages / lanes) * pageTokens;
      const context = Math.min(this.#options.context, most);
      if (by.ensemble !== undefined) requireOneReader(asked);
      const question = { ...questionOf(asked, texts, { context, maxTokens }), ...by };
      const out = new AnswerOut(asked, question.prompt, texts.tokenizer);
      const request: Request = { id, model: asked.model, answerer, question, out, counted: 0 };
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
        const said = request.out.news(sequence);
        if (said.text !== '' || said.tokens !== undefined) texts.push({ id, ...said });
        this.#count(request, sequence);
        const end = this.#endOf(request, sequence);
        if (end !== undefined) ends.push(end);
      }
    }
    this.#unload();
    this.#options.say({ serve: 'Step', texts, ends, numbers: this.#numbers });
  }

  [Symbol.dispose](): void {
    this.#decoder[Symbol.dispose]();
    this.#models[Symbol.dispose]();
  }

  #begin(): void {
    const { together, context } = this.#options;
    // Prompts of one step: the plan of the memory counts so many tokens, or one request.
    let tokens = 0;
    for (let { next } = this.#queue; next !== undefined; { next } = this.#queue) {
      const { lanes } = next.answerer;
      const own = lanes * next.question.prompt.length;
      const isFull =
        this.#decoder.lanes + lanes > together || (tokens > 0 && tokens + own > context);
      // One that is larger than what is free waits, and nobody passes it: it would wait for ever.
      if (isFull || !this.#decoder.fits(next.question)) return;
      this.#queue.take(own);
      tokens += own;
      next.sequence = this.#decoder.start(next.question);
    }
  }

  /** Tells the queue of the tokens that came since. */
  #count(request: Request, { made }: Sequence): void {
    const more = made.length - request.counted;
    this.#queue.made(request.model, request.answerer.lanes * more);
    this.#made += more;
    request.counted = made.length;
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
    this.#models.unload(
      new Set([...this.#requests.values()].flatMap(({ answerer }) => answerer.uses)),
    );
  }

  get #numbers(): ServeNumbers {
    const { live, lanes, freePages } = this.#decoder;
    const { pages } = this.#options;
    return {
      waiting: this.#queue.length,
      decoding: live.length,
      sequences: lanes,
      freePages,
      pages,
      steps: this.#steps,
      made: this.#made,
    };
  }
}
