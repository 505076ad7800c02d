// Questions of a user as tokens, through the model's own chat template, and answers as text.
import { UserError } from '../../crds/failures/errors.ts';
import type { FineTuneJobSpec } from '../../crds/index.ts';
import type { ModelOnDisk } from '../decoder/model-headers.ts';
import { compileTemplate } from './chat-template.ts';
import { modelTokenizer } from './model-tokenizer.ts';
import { stopIds } from './stop-ids.ts';
import { TookTooLong, withinTime } from './time-limit.ts';
import { createTokenizer } from './tokenizer.ts';

export interface Prompts {
  /** Without a template a prompt is a text that is continued. */
  readonly hasTemplate: boolean;
  /** Ids that end an answer. */
  readonly stop: ReadonlySet<number>;
  /** `where` names the prompt if the tokenizer does not come to an end. */
  encode(prompt: string, where: string): readonly number[];
  decode(ids: readonly number[]): string;
}

export async function promptsOf(
  { dataset }: Pick<FineTuneJobSpec, 'dataset'>,
  headers: Pick<ModelOnDisk, 'gguf' | 'path' | 'config'>,
): Promise<Prompts> {
  const definition = await modelTokenizer(headers);
  const tokenizer = createTokenizer(definition);
  const source = dataset.chatTemplate ?? definition.chatTemplate;
  const template =
    source === undefined
      ? null
      : compileTemplate({
          source,
          bos: definition.bos,
          eos: definition.eos,
          arguments: dataset.chatTemplateArguments,
        });
  const asked = (prompt: string): string => {
    const message = { role: 'user', content: prompt, isTarget: false } as const;
    return template?.render([message], undefined, true) ?? prompt;
  };
  return {
    hasTemplate: template !== null,
    stop: stopIds(tokenizer),
    encode: (prompt, where) => encodeInTime(where, () => tokenizer.encode(asked(prompt))),
    decode: (ids) => tokenizer.decode([...ids]).trim(),
  };
}

/** Generous: encoding takes milliseconds. */
const promptMs = 60_000;

function encodeInTime(where: string, encode: () => readonly number[]): readonly number[] {
  try {
    return withinTime(promptMs, encode);
  } catch (error) {
    throw error instanceof TookTooLong ? stuck(where, error) : error;
  }
}

function stuck(where: string, cause: TookTooLong): UserError {
  return new UserError({
    code: 'E_INVALID_TOKENIZER',
    message: `the model's tokenizer or chat template did not finish ${where} within ${promptMs / 1000} s`,
    cause,
  });
}
