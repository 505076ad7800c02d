// Requests in the form of OpenAI's API, as far as they are answered. A field that would change the
// answer and is not supported is refused; one that changes nothing is accepted at that value alone.
import * as z from 'zod';
import type { ServedQuestion } from './messages.ts';

/** Largest body in bytes. */
export const mostBodyBytes = 4 * 2 ** 20;

/** OpenAI's own, but for stops: tasks of harnesses name more than its four. */
const most = {
  ...{ messages: 2048, prompts: 2048, stops: 32, stopLength: 256 },
  ...{ topOfCompletion: 5, topOfChat: 20 },
} as const;

const stop = z.string().min(1).max(most.stopLength);
const shared = {
  model: z.string().min(1).max(256),
  max_tokens: z.int().min(1).max(1e6).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  seed: z.int().nullish(),
  stop: z.union([stop, z.array(stop).max(most.stops)]).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_usage: z.boolean().nullish() }).nullish(),
  n: z.literal(1, 'must be 1: a request has one answer').nullish(),
  presence_penalty: z.literal(0, 'must be 0: penalties are not supported').nullish(),
  frequency_penalty: z.literal(0, 'must be 0: penalties are not supported').nullish(),
  user: z.string().max(256).nullish(),
};

const part = z.strictObject({ type: z.literal('text', 'must be text'), text: z.string() });

const message = z.strictObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: z.union([z.string(), z.array(part).min(1)]),
  name: z.string().max(64).optional(),
});

export const chatRequest = z
  .strictObject({
    ...shared,
    messages: z.array(message).min(1).max(most.messages),
    max_completion_tokens: shared.max_tokens,
    logprobs: z.boolean().nullish(),
    top_logprobs: z.int().min(0).max(most.topOfChat).nullish(),
    response_format: z
      .strictObject({ type: z.literal('text', 'must be text: no format is enforced') })
      .nullish(),
  })
  .refine((request) => request.top_logprobs == null || request.logprobs === true, {
    path: ['top_logprobs'],
    message: 'must be left out where logprobs is not true',
  });

const ids = z.array(z.int().min(0)).min(1).max(1e6);

function several<T extends z.ZodType>(prompt: T) {
  return z.array(prompt).min(1).max(most.prompts);
}

export const completionRequest = z
  .strictObject({
    ...shared,
    prompt: z.union([z.string(), ids, several(z.string()), several(ids)]),
    max_tokens: z.int().min(0).max(1e6).nullish(),
    echo: z.boolean().nullish(),
    best_of: z.literal(1, 'must be 1: a request has one answer').nullish(),
    suffix: z.literal('', 'must be empty: text is not filled in').nullish(),
    logprobs: z.int().min(0).max(most.topOfCompletion).nullish(),
  })
  .refine((request) => request.max_tokens !== 0 || request.echo === true, {
    path: ['max_tokens'],
    message: 'must be 1 or more where echo is not true',
  });

type ChatRequest = z.output<typeof chatRequest>;
type CompletionRequest = z.output<typeof completionRequest>;

/** `seed` is that of a request that has none. */
export function chatQuestion(request: ChatRequest, seed: number): ServedQuestion {
  const maxTokens = request.max_completion_tokens ?? request.max_tokens ?? undefined;
  const messages = request.messages.map(({ role, content }) => ({
    role,
    content: typeof content === 'string' ? content : content.map(({ text }) => text).join(''),
  }));
  const { logprobs, top_logprobs: top } = request;
  return {
    ...common(request, seed, maxTokens),
    prompt: { type: 'Chat', messages },
    ...(logprobs === true ? { logprobs: top ?? 0 } : {}),
  };
}

/**
 * One for each prompt, each as if it were asked alone: a seed that is given is that of all. `seed`
 * draws that of one that has none. OpenAI's default of 16 tokens is kept.
 */
export function completionQuestions(
  request: CompletionRequest,
  seed: () => number,
): readonly ServedQuestion[] {
  const { echo, logprobs } = request;
  return promptsOf(request.prompt).map((prompt) => ({
    ...common(request, seed(), request.max_tokens ?? 16),
    prompt,
    ...(echo === true ? { echo } : {}),
    ...(logprobs == null ? {} : { logprobs }),
  }));
}

function promptsOf(prompt: CompletionRequest['prompt']): readonly ServedQuestion['prompt'][] {
  if (typeof prompt === 'string') return [{ type: 'Text', text: prompt }];
  if (typeof prompt[0] === 'number') return [{ type: 'Tokens', ids: prompt as number[] }];
  return (prompt as string[] | number[][]).map((one) =>
    typeof one === 'string' ? { type: 'Text', text: one } : { type: 'Tokens', ids: one },
  );
}

type Shared = Pick<ChatRequest, 'model' | 'temperature' | 'top_p' | 'seed' | 'stop'>;

function common(request: Shared, seed: number, maxTokens: number | undefined) {
  const { stop: stops } = request;
  return {
    model: request.model,
    ...(maxTokens === undefined ? {} : { maxTokens }),
    temperature: request.temperature ?? 1,
    topP: request.top_p ?? 1,
    seed: request.seed ?? seed,
    stop: stops == null ? [] : typeof stops === 'string' ? [stops] : stops,
  };
}

/** The first thing that is wrong: its field, and a sentence. */
export function problemOf(error: z.ZodError): { readonly field: string; readonly message: string } {
  const [issue] = error.issues;
  if (issue === undefined) return { field: '', message: 'the request is invalid' };
  if (issue.code === 'unrecognized_keys') {
    const field = [...issue.path, issue.keys[0]].join('.');
    return { field, message: `${field} is not supported` };
  }
  const field = issue.path.join('.');
  const isSentence = /^must\b/.test(issue.message);
  return {
    field,
    message: `${field || 'the body'} ${isSentence ? issue.message : `is invalid: ${issue.message}`}`,
  };
}
