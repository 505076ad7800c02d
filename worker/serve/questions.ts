// From a request to tokens, and back to the question that the decoder takes.
import { UserError } from '../../crds/failures/errors.ts';
import type { ServedQuestion } from '../../crds/serve/messages.ts';
import { type ChatTemplate, compileTemplate } from '../data/chat-template.ts';
import { modelTokenizer } from '../data/model-tokenizer.ts';
import { stopIds } from '../data/stop-ids.ts';
import { TookTooLong, withinTime } from '../data/time-limit.ts';
import { createTokenizer, type Tokenizer } from '../data/tokenizer.ts';
import type { ModelOnDisk } from '../decoder/model-headers.ts';
import type { Question } from '../decoding/sequence.ts';
import { UnusableRecord } from '../files/unusable-record.ts';
import { drawsOf, streamOf } from '../tensor/streams.ts';

/** Encoding takes milliseconds; a pattern of the tokenizer or a template may take for ever. */
const encodeMs = 2000;

export interface Texts {
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate | null;
  readonly stop: ReadonlySet<number>;
  /** Bytes of the longest token. */
  readonly longest: number;
}

export async function textsOf(headers: ModelOnDisk): Promise<Texts> {
  const definition = await modelTokenizer(headers);
  const tokenizer = createTokenizer(definition);
  const { chatTemplate: source, bos, eos } = definition;
  const template = source === undefined ? null : compileTemplate({ source, bos, eos });
  const ids = Array.from({ length: tokenizer.vocabularySize }, (_, id) => id);
  const longest = ids.reduce((most, id) => Math.max(most, tokenizer.bytesOf(id).length), 1);
  return { tokenizer, template, stop: stopIds(tokenizer), longest };
}

interface Limits {
  readonly context: number;
  readonly maxTokens: number;
}

/** Throws a sentence for a question that cannot be answered. */
export function questionOf(
  asked: ServedQuestion,
  texts: Texts,
  { context, maxTokens }: Limits,
): Question {
  const { stop } = texts;
  const prompt = inTime(() => encoded(asked.prompt, texts, context));
  if (prompt.length === 0) throw refused('the prompt has no token; it must have one at least');
  const most = asked.maxTokens === 0 ? context : context - 1;
  if (prompt.length > most) {
    throw refused(
      `the prompt has more than ${most} tokens; prompt and answer may have ${context} together`,
    );
  }
  const room = context - prompt.length;
  if (asked.maxTokens !== undefined && asked.maxTokens > room) {
    throw refused(
      `max_tokens is ${asked.maxTokens} and the prompt has ${prompt.length} tokens; together they may have ${context}`,
    );
  }
  const draws = drawsOf(streamOf(asked.seed, 'serve'));
  const { temperature, topP, logprobs: top, echo: ofPrompt = false } = asked;
  return {
    ...{ prompt, stop, temperature, topP, draw: () => draws.uniform() },
    maxTokens: asked.maxTokens ?? Math.min(room, maxTokens),
    ...(top === undefined ? {} : { logprobs: { top, ofPrompt } }),
  };
}

/** Throws for log probabilities of a prompt that the parts of a composition read apart. */
export function requireOneReader({ model, echo, logprobs }: ServedQuestion): void {
  if (echo !== true || logprobs === undefined) return;
  throw refused(
    `${model} is a composition whose parts read the prompt apart, and echo with logprobs asks what one model thinks of it; ask for a part, or leave out one of the two`,
  );
}

/** No more than a few tokens above `most`. */
function encoded(
  prompt: ServedQuestion['prompt'],
  { tokenizer, template, longest }: Texts,
  most: number,
): readonly number[] {
  if (prompt.type === 'Tokens') {
    const unknown = prompt.ids.find((id) => id >= tokenizer.vocabularySize);
    if (unknown === undefined) return prompt.ids;
    throw refused(`token ${unknown} is unknown; ids are below ${tokenizer.vocabularySize}`);
  }
  if (prompt.type === 'Chat' && template === null) {
    throw refused('the model has no chat template; ask for a completion of a prompt instead');
  }
  const text =
    prompt.type === 'Text'
      ? prompt.text
      : (template?.render(
          prompt.messages.map((message) => ({ ...message, isTarget: false })),
          undefined,
          true,
        ) ?? '');
  // A single word of megabytes would take the whole time that there is.
  if (text.length > most * longest) {
    throw refused(
      `the prompt has ${text.length} characters, more than the ${most} tokens of prompt and answer can spell`,
    );
  }
  const begin = prompt.type === 'Text' && tokenizer.addBos ? [tokenizer.bos ?? 0] : [];
  return [...begin, ...tokenizer.pieces(text, most).flatMap(({ ids }) => ids)];
}

function inTime<T>(body: () => T): T {
  try {
    return withinTime(encodeMs, body);
  } catch (error) {
    if (error instanceof TookTooLong) {
      throw refused(`tokens of the prompt were not found within ${encodeMs / 1000} s`);
    }
    if (error instanceof UnusableRecord) throw refused(`the conversation ${error.message}`);
    throw error;
  }
}

function refused(message: string): UserError {
  return new UserError({ code: 'E_USAGE', message });
}
