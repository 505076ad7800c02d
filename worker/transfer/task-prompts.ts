// Prompts of a task as tokens of one base: bare, for its hidden states, and as its adapter was
// asked while it trained.

import type { Dataset } from '../../crds/api/dataset.ts';
import { UserError } from '../../crds/failures/errors.ts';
import type { PromptForm } from '../../crds/wire/transfer.ts';
import { compileTemplate } from '../data/chat-template.ts';
import { modelTokenizer } from '../data/model-tokenizer.ts';
import { stopIds } from '../data/stop-ids.ts';
import { templateArguments } from '../data/template-arguments.ts';
import { withinTime } from '../data/time-limit.ts';
import { createTokenizer, type Tokenizer } from '../data/tokenizer.ts';
import type { ModelOnDisk } from '../decoder/model-headers.ts';

export interface TaskPrompts {
  readonly tokenizer: Tokenizer;
  /** Ids that end an answer. */
  readonly stop: ReadonlySet<number>;
  /** A text that is continued. */
  plain(text: string): readonly number[];
  /** What an answer follows. */
  asked(prompt: string): readonly number[];
}

interface Asked extends Pick<Dataset, 'chatTemplate' | 'chatTemplateArguments'> {
  readonly form: PromptForm;
  /** The date that templates see. */
  readonly date: Date;
}

/** Generous: encoding takes milliseconds. */
const encodeMs = 60_000;

export async function taskPromptsOf(
  headers: Pick<ModelOnDisk, 'gguf' | 'path' | 'config'>,
  { form, date, ...asked }: Asked,
): Promise<TaskPrompts> {
  const definition = await modelTokenizer(headers);
  const tokenizer = createTokenizer(definition);
  const begin = tokenizer.addBos && tokenizer.bos !== undefined ? [tokenizer.bos] : [];
  const plain = (text: string): readonly number[] =>
    withinTime(encodeMs, () => [...begin, ...tokenizer.encode(text)]);
  const shared = { tokenizer, stop: stopIds(tokenizer), plain };
  if (form.type === 'PromptCompletion') {
    return { ...shared, asked: (prompt) => plain(prompt + form.ending) };
  }
  const source = asked.chatTemplate ?? definition.chatTemplate;
  if (source === undefined) throw noTemplate(headers.path);
  const { bos, eos } = definition;
  const given = templateArguments(asked.chatTemplateArguments);
  const template = compileTemplate({ source, bos, eos, date, arguments: given });
  const { system } = form;
  const before =
    system === undefined ? [] : [{ role: 'system', content: system, isTarget: false } as const];
  return {
    ...shared,
    asked(prompt) {
      const user = { role: 'user', content: prompt, isTarget: false } as const;
      return withinTime(encodeMs, () =>
        tokenizer.encode(template.render([...before, user], undefined, true)),
      );
    },
  };
}

function noTemplate(path: string): UserError {
  return new UserError({
    code: 'E_INVALID_DATA',
    message: `the task has conversations, and ${path} has no chat template to ask them with`,
    hint: 'set dataset.chatTemplate of the job',
  });
}
