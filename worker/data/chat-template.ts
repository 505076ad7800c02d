// A chat template: Jinja text that turns messages into the text a model was trained on. Rendering is reproducible: a
// template that asks for the time gets the day the job was made, in UTC.
import { Template } from '@huggingface/jinja';
import { UserError } from '../../crds/errors.ts';
import { type Message, UnusableRecord } from './sample.ts';

export interface TemplateSetup {
  readonly source: string;
  readonly bos?: string | undefined;
  readonly eos?: string | undefined;
  /** spec.dataset.chatTemplateArguments. */
  readonly arguments?: Readonly<Record<string, unknown>> | undefined;
  /** What strftime_now tells. */
  readonly date?: Date | undefined;
}

export interface ChatTemplate {
  /** Throws UnusableRecord where the template refuses the conversation. */
  readonly render: (
    messages: readonly Message[],
    tools: readonly unknown[] | undefined,
    addGenerationPrompt: boolean,
  ) => string;
  /** The same template with marks around what its generation tags enclose; undefined without such tags. */
  readonly tagged: ((...args: Parameters<ChatTemplate['render']>) => string) | undefined;
}

/** Characters that stand for the tags. Unicode guarantees that no text holds them. */
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
        [ownClock]: (format: string) => formatDate(setup.date ?? new Date(0), format),
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new UnusableRecord(`is refused by the chat template: ${reason}`, { cause: error });
    }
  };
}

/** The library's strftime_now reads the clock of the machine and cannot be replaced; so templates call another name. */
const ownClock = 'strftime_of_job';

function parse(source: string): Template {
  try {
    return new Template(source.replaceAll(/\bstrftime_now\b/g, ownClock));
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
 * `{% generation %}` … `{% endgeneration %}` → expressions that print the marks. A block at the beginning of a line
 * swallows the blanks before it, and every block the line end behind it; an expression does neither, so both go here.
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
