// A chat template: Jinja text that turns messages into the text format of a model. Rendering is
// reproducible: a template that asks for the time gets the day the job was created, in UTC.
import { Template } from '@huggingface/jinja';
import { UserError } from '../../crds/failures/errors.ts';
import { UnusableRecord } from '../files/unusable-record.ts';
import type { Message } from './sample.ts';

interface TemplateSetup {
  readonly source: string;
  readonly bos?: string | undefined;
  readonly eos?: string | undefined;
  /** spec.dataset.chatTemplateArguments. */
  readonly arguments?: Readonly<Record<string, unknown>> | undefined;
  /** The date of strftime_now. */
  readonly date?: Date | undefined;
}

export interface ChatTemplate {
  /** Throws UnusableRecord where the template refuses the conversation. */
  readonly render: (
    messages: readonly Message[],
    tools: readonly unknown[] | undefined,
    addGenerationPrompt: boolean,
  ) => string;
  /**
   * The same template with marks around the text of its generation tags; undefined without such
   * tags.
   */
  readonly tagged: ((...args: Parameters<ChatTemplate['render']>) => string) | undefined;
}

/** Marks for the tags. Unicode reserves these characters: no text has them. */
export const tagMarks = { begin: '\u{fdd0}', end: '\u{fdd1}' } as const;

export function compileTemplate(setup: TemplateSetup): ChatTemplate {
  const render = compile(setup.source, setup);
  const source = markTags(setup.source);
  return { render, tagged: source === setup.source ? undefined : compile(source, setup) };
}

function compile(source: string, setup: TemplateSetup): ChatTemplate['render'] {
  const template = parse(source);
  return (messages, tools, addGenerationPrompt) => {
    try {
      return template.render({
        ...setup.arguments,
        messages: messages.map(({ role, content, fields }) => ({ ...fields, role, content })),
        ...(tools !== undefined && { tools }),
        add_generation_prompt: addGenerationPrompt,
        bos_token: setup.bos ?? '',
        eos_token: setup.eos ?? '',
        range_of_job: rangeOfJob,
        strftime_of_job: (format: string) => formatDate(setup.date ?? new Date(0), format),
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new UnusableRecord(`is refused by the chat template: ${reason}`, { cause: error });
    }
  };
}

/**
 * Two functions of the library are unsafe but cannot be replaced under their names, so calls are
 * redirected: strftime_now reads the clock of the machine, and range fills memory with as many
 * numbers as a template asks for.
 */
const ownFunctions: ReadonlyMap<unknown, string> = new Map([
  ['strftime_now', 'strftime_of_job'],
  ['range', 'range_of_job'],
]);

const longestRange = 65_536;

function rangeOfJob(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  const length = Math.max(0, Math.ceil((to - from) / step));
  if (length <= longestRange) return Array.from({ length }, (_, i) => from + i * step);
  throw new Error(`range has ${length} steps; a template may take ${longestRange}`);
}

/** Walks the parsed template, whose nodes are plain objects, lists and maps. */
function redirectCalls(node: unknown): void {
  if (typeof node !== 'object' || node === null) return;
  const callee: unknown =
    Reflect.get(node, 'type') === 'CallExpression' && Reflect.get(node, 'callee');
  if (typeof callee === 'object' && callee !== null) {
    const own = ownFunctions.get(Reflect.get(callee, 'value'));
    if (own !== undefined) Reflect.set(callee, 'value', own);
  }
  const children = node instanceof Map ? [...node.keys(), ...node.values()] : Object.values(node);
  for (const child of children) redirectCalls(child);
}

function parse(source: string): Template {
  try {
    const template = new Template(source);
    redirectCalls(template.parsed);
    return template;
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(cause: unknown): UserError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new UserError({
    code: 'E_INVALID_TOKENIZER',
    path: 'spec.dataset.chatTemplate',
    message: `the chat template cannot be parsed: ${reason}`,
    cause,
  });
}

/**
 * `{% generation %}` … `{% endgeneration %}` → expressions that print the marks. A Jinja block
 * removes blanks before it at the start of a line, and the line end after it; an expression does
 * neither, so both are removed here.
 */
function markTags(source: string): string {
  return source.replace(
    /(?:^[ \t]*)?\{%(-?)\s*(end)?generation\s*(-?)%\}\n?/gm,
    (_, left: string, end: string | undefined, right: string) => {
      const mark = end === undefined ? tagMarks.begin : tagMarks.end;
      return `{{${left} '${mark}' ${right}}}`;
    },
  );
}

const months =
  'January February March April May June July August September October November December'.split(
    ' ',
  );

const dateParts: Readonly<Record<string, (date: Date) => string>> = {
  '%Y': (date) => String(date.getUTCFullYear()),
  '%m': (date) => twoDigits(date.getUTCMonth() + 1),
  '%d': (date) => twoDigits(date.getUTCDate()),
  '%B': (date) => months[date.getUTCMonth()] ?? '',
  '%b': (date) => (months[date.getUTCMonth()] ?? '').slice(0, 3),
  '%H': (date) => twoDigits(date.getUTCHours()),
  '%M': (date) => twoDigits(date.getUTCMinutes()),
  '%S': (date) => twoDigits(date.getUTCSeconds()),
  '%%': () => '%',
};

function formatDate(date: Date, format: string): string {
  return format.replace(/%[a-zA-Z%]/g, (code) => dateParts[code]?.(date) ?? code);
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
