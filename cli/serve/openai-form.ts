// Answers and errors in the form of OpenAI's API. Pure.
import type { ServedModel } from '../../crds/serve/messages.ts';
import type { ServedAdapters } from '../../crds/serve/served-adapters.ts';

export type Kind = 'chat' | 'text';
export type Finish = 'stop' | 'length';

export interface Usage {
  readonly promptTokens: number;
  readonly madeTokens: number;
}

export interface Heading {
  readonly kind: Kind;
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
}

export function errorBody(
  message: string,
  { type = 'invalid_request_error', param = null, code = null }: Partial<ErrorFacts> = {},
) {
  return { error: { message, type, param, code } };
}

interface ErrorFacts {
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
}

export function modelList(models: readonly ServedModel[]) {
  return { object: 'list', data: models.map(modelBody) };
}

/** No form of OpenAI: what is served beside the base, and why something is not. */
export function adapterStates({
  models,
  refused,
}: {
  readonly models: readonly ServedModel[];
  readonly refused: ServedAdapters['refused'];
}): ServedAdapters {
  const served = models.flatMap(({ name, base, folder }) =>
    base === undefined ? [] : [{ name, ...(folder === undefined ? {} : { folder }) }],
  );
  return { served, refused };
}

/** `parent` and `composition` are beside what OpenAI has. */
export function modelBody({ name, base, since, composition }: ServedModel) {
  return {
    ...{ id: name, object: 'model', created: since, owned_by: 'anneal' },
    ...(base === undefined ? {} : { parent: base }),
    ...(composition === undefined ? {} : { composition }),
  };
}

export function wholeAnswer(heading: Heading, text: string, finish: Finish, usage: Usage) {
  const common = { index: 0, logprobs: null, finish_reason: finish };
  const choice =
    heading.kind === 'chat'
      ? { ...common, message: { role: 'assistant', content: text, refusal: null } }
      : { ...common, text };
  const object = heading.kind === 'chat' ? 'chat.completion' : 'text_completion';
  return { ...headOf(heading, object), choices: [choice], usage: usageOf(usage) };
}

/** A piece of a stream; `text` null says that the answer begins. */
export function piece(heading: Heading, text: string | null, finish: Finish | null = null) {
  const common = { index: 0, logprobs: null, finish_reason: finish };
  if (heading.kind === 'text') return withChoices(heading, [{ ...common, text: text ?? '' }]);
  const begins = { role: 'assistant', content: '', refusal: null };
  const delta = text === null ? begins : finish === null ? { content: text } : {};
  return withChoices(heading, [{ ...common, delta }]);
}

/** The last piece, for those that ask for it. */
export function usagePiece(heading: Heading, usage: Usage) {
  return { ...withChoices(heading, []), usage: usageOf(usage) };
}

function withChoices(heading: Heading, choices: readonly object[]) {
  const object = heading.kind === 'chat' ? 'chat.completion.chunk' : 'text_completion';
  return { ...headOf(heading, object), choices };
}

function headOf({ id, created, model }: Heading, object: string) {
  return { id, object, created, model };
}

function usageOf({ promptTokens, madeTokens }: Usage) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: madeTokens,
    total_tokens: promptTokens + madeTokens,
  };
}
