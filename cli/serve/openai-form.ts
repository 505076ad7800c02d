// Answers and errors in the form of OpenAI's API. Pure.
import type { ServedModel, ServedToken } from '../../crds/serve/messages.ts';
import type { ServedAdapters, ServedLoad } from '../../crds/serve/served-adapters.ts';
import { chatLogprobs, textLogprobs } from './logprobs-form.ts';

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
  loadOf,
}: {
  readonly models: readonly ServedModel[];
  readonly refused: ServedAdapters['refused'];
  readonly loadOf: (model: string) => ServedLoad;
}): ServedAdapters {
  const served = models.flatMap(({ name, base, folder }) =>
    base === undefined
      ? []
      : [{ name, ...(folder === undefined ? {} : { folder }), load: loadOf(name) }],
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

/** One answer of a request; those of a completion follow the order of its prompts. */
interface Choice {
  readonly index: number;
  readonly text: string;
  readonly finish: Finish | null;
  /** Of its text; undefined where nobody asked. */
  readonly tokens: readonly ServedToken[] | undefined;
}

export function wholeAnswer(heading: Heading, choices: readonly Choice[], usage: Usage) {
  const object = heading.kind === 'chat' ? 'chat.completion' : 'text_completion';
  const bodies = choices.map((choice) =>
    heading.kind === 'chat'
      ? {
          ...commonOf(heading, choice),
          message: { role: 'assistant', content: choice.text, refusal: null },
        }
      : { ...commonOf(heading, choice), text: choice.text },
  );
  return { ...headOf(heading, object), choices: bodies, usage: usageOf(usage) };
}

/** A conversation begins: whose turn it is. */
export function opening(heading: Heading) {
  const delta = { role: 'assistant', content: '', refusal: null };
  const choice = { index: 0, text: '', finish: null, tokens: undefined };
  return withChoices(heading, [{ ...commonOf(heading, choice), delta }]);
}

/** A piece of a stream, the last one of its answer where that finishes. */
export function piece(heading: Heading, choice: Choice) {
  const { text, finish } = choice;
  const common = commonOf(heading, choice);
  if (heading.kind === 'text') return withChoices(heading, [{ ...common, text }]);
  const delta = finish === null ? { content: text } : {};
  return withChoices(heading, [{ ...common, delta }]);
}

function commonOf({ kind }: Heading, { index, finish, tokens }: Choice) {
  const form = kind === 'chat' ? chatLogprobs : textLogprobs;
  return { index, logprobs: tokens === undefined ? null : form(tokens), finish_reason: finish };
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
