// A task as prompts in text and answers to them, and a record of it in the form that it had. Only
// text goes from one base to another: their tokens differ.
import type { PromptForm } from '../../crds/wire/transfer.ts';
import type { Sample } from '../data/sample.ts';

export interface TaskRecord {
  readonly form: PromptForm;
  readonly prompt: string;
  readonly answer: string;
}

/** Null for what is no single question with its answer, such as a longer conversation. */
export function taskRecordOf(sample: Sample): TaskRecord | null {
  if (sample.type === 'PromptCompletion') {
    const text = sample.prompt.replaceAll('\r\n', '\n');
    const prompt = text.trim();
    const ending = text.slice(text.trimEnd().length);
    const answer = sample.completion.trim();
    return prompt === '' ? null : { form: { type: 'PromptCompletion', ending }, prompt, answer };
  }
  if (sample.type !== 'Chat' || sample.tools !== undefined) return null;
  const [first] = sample.messages;
  const system = first?.role === 'system' ? first.content : undefined;
  const [user, assistant, ...more] = sample.messages.slice(system === undefined ? 0 : 1);
  if (user?.role !== 'user' || assistant?.role !== 'assistant' || more.length > 0) return null;
  const prompt = user.content.replaceAll('\r\n', '\n').trim();
  const form: PromptForm = { type: 'Chat', ...(system !== undefined && { system }) };
  return prompt === '' ? null : { form, prompt, answer: assistant.content.trim() };
}

/** Whether a prompt of one could be one of the other. */
export function isSameForm(a: PromptForm, b: PromptForm): boolean {
  if (a.type === 'Chat') return b.type === 'Chat' && a.system === b.system;
  return b.type === 'PromptCompletion' && a.ending === b.ending;
}

/** A line of a data set. */
export function recordLine(form: PromptForm, prompt: string, answer: string): string {
  if (form.type === 'PromptCompletion') {
    return `${JSON.stringify({ prompt: prompt + form.ending, completion: answer })}\n`;
  }
  const { system } = form;
  const messages = [
    ...(system === undefined ? [] : [{ role: 'system', content: system }]),
    { role: 'user', content: prompt },
    { role: 'assistant', content: answer },
  ];
  return `${JSON.stringify({ messages })}\n`;
}
