// Requests in the form of OpenAI's API, as far as they are answered. A field that would change the
// answer and is not supported is refused; one that changes nothing is accepted at that value alone.
import * as z from 'zod';
import type { ServedQuestion } from './messages.ts';

/** Largest body in bytes. */
export const mostBodyBytes = 4 * 2 ** 20;

const most = { messages: 2048, stops: 4, stopLength: 256 } as const;

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

export const chatRequest = z.strictObject({
  ...shared,
  messages: z.array(message).min(1).max(most.messages),
  max_completion_tokens: shared.max_tokens,
  logprobs: z.literal(false, 'must be false: probabilities are not given').nullish(),
  response_format: z
    .strictObject({ type: z.literal('text', 'must be text: no format is enforced') })
    .nullish(),
});

const ids = z.array(z.int().min(0)).min(1).max(1e6);

export const completionRequest = z.strictObject({
  ...shared,
  prompt: z.union([z.string(), z.tuple([z.string()]), ids, z.tuple([ids])]),
  echo: z.literal(false, 'must be false: the prompt is not repeated').nullish(),
  best_of: z.literal(1, 'must be 1: a request has one answer').nullish(),
  suffix: z.literal('', 'must be empty: text is not filled in').nullish(),
  logprobs: z.null('must be null: probabilities are not given').optional(),
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
  return { ...common(request, seed, maxTokens), prompt: { type: 'Chat', messages } };
}

/** OpenAI's default of 16 tokens is kept. */
export function completionQuestion(request: CompletionRequest, seed: number): ServedQuestion {
  const [first] = typeof request.prompt === 'string' ? [request.prompt] : request.prompt;
  const given = typeof first === 'number' ? (request.prompt as number[]) : first;
  const prompt =
    typeof given === 'string'
      ? ({ type: 'Text', text: given } as const)
      : ({ type: 'Tokens', ids: given ?? [] } as const);
  return { ...common(request, seed, request.max_tokens ?? 16), prompt };
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
