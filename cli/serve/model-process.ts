// The process that holds the model, as the HTTP edge sees it: questions by number, and what comes
// of them.
import type {
  ServedModel,
  ServedQuestion,
  ServedToken,
  ServeMessage,
  ServeNumbers,
  ServeOrder,
} from '../../crds/serve/messages.ts';
import type { ServedLoad } from '../../crds/serve/served-adapters.ts';
import type { Finish, Usage } from './openai-form.ts';

type Refusal = Extract<ServeMessage, { serve: 'Refused' }>['reason'] | 'Gone';

type Models = Extract<ServeMessage, { serve: 'Models' }>;

interface Listener {
  onText(text: string, tokens: readonly ServedToken[]): void;
  onEnd(reason: Finish, usage: Usage): void;
  onRefused(reason: Refusal, message: string): void;
}

interface Asked {
  readonly model: string;
  readonly listener: Listener;
}

export class ModelProcess {
  readonly #send: (order: ServeOrder) => void;
  readonly #open = new Map<number, Asked>();
  /** Of finished answers, by model. */
  readonly #answered = new Map<string, Pick<ServedLoad, 'answers' | 'tokens'>>();
  #next = 0;
  #models: readonly ServedModel[] = [];
  #refused: Models['refused'] = [];
  #isGone = false;
  #numbers: ServeNumbers = {
    ...{ waiting: 0, decoding: 0, sequences: 0 },
    ...{ freePages: 0, pages: 0, steps: 0, made: 0 },
  };

  constructor(send: (order: ServeOrder) => void) {
    this.#send = send;
  }

  get models(): readonly ServedModel[] {
    return this.#models;
  }

  /** What is not served, with a sentence. */
  get refused(): Models['refused'] {
    return this.#refused;
  }

  get numbers(): ServeNumbers {
    return this.#numbers;
  }

  /** Questions without an end. */
  get open(): number {
    return this.#open.size;
  }

  get isReady(): boolean {
    return this.#models.length > 0 && !this.#isGone;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** What was asked of a model since the start. */
  loadOf(model: string): ServedLoad {
    const open = [...this.#open.values()].filter((one) => one.model === model).length;
    return { open, ...(this.#answered.get(model) ?? { answers: 0, tokens: 0 }) };
  }

  /** Returns what takes the question back; that of one that has ended does nothing. */
  ask(question: ServedQuestion, listener: Listener): () => void {
    const id = this.#next++;
    this.#open.set(id, { model: question.model, listener });
    this.#send({ serve: 'Ask', id, question });
    return () => {
      if (this.#open.delete(id)) this.#send({ serve: 'Drop', id });
    };
  }

  hear(message: ServeMessage): void {
    if (message.serve === 'Models') {
      this.#models = message.models;
      this.#refused = message.refused;
      const names = new Set(message.models.map(({ name }) => name));
      for (const name of this.#answered.keys()) if (!names.has(name)) this.#answered.delete(name);
    }
    if (message.serve === 'Refused') {
      this.#close(message.id)?.onRefused(message.reason, message.message);
    }
    if (message.serve !== 'Step') return;
    this.#numbers = message.numbers;
    for (const { id, text, tokens } of message.texts) {
      this.#open.get(id)?.listener.onText(text, tokens ?? []);
    }
    for (const { id, reason, ...usage } of message.ends) {
      const model = this.#open.get(id)?.model;
      if (model !== undefined) this.#count(model, usage);
      this.#close(id)?.onEnd(reason, usage);
    }
  }

  /** The process has ended. */
  gone(): void {
    this.#isGone = true;
    for (const id of [...this.#open.keys()]) {
      this.#close(id)?.onRefused('Gone', 'the process that holds the model has ended');
    }
  }

  #count(model: string, { madeTokens }: Usage): void {
    const { answers, tokens } = this.#answered.get(model) ?? { answers: 0, tokens: 0 };
    this.#answered.set(model, { answers: answers + 1, tokens: tokens + madeTokens });
  }

  #close(id: number): Listener | undefined {
    const listener = this.#open.get(id)?.listener;
    this.#open.delete(id);
    return listener;
  }
}
