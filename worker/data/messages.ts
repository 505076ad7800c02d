// Conversations in the usual formats (OpenAI messages, ShareGPT turns, Alpaca fields) → messages.
import { parseJson as boundedJson, jsonLimits } from '../../crds/text/json.ts';
import { UnusableRecord } from '../files/unusable-record.ts';
import { type Message, type Range, type Role, roles } from './sample.ts';

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Roles by their names in these formats. */
const roleNames: Readonly<Record<string, Role>> = {
  ...Object.fromEntries(roles.map((role) => [role, role])),
  human: 'user',
  gpt: 'assistant',
  model: 'assistant',
  chatgpt: 'assistant',
  bing: 'assistant',
  bard: 'assistant',
  function_call: 'assistant',
  observation: 'tool',
  function: 'tool',
  ipython: 'tool',
};

/** Fields of a message that templates read beside role and content. */
const passedOn = ['name', 'tool_call_id', 'reasoning_content', 'thinking'];

export function toMessages(value: unknown, where: string): Message[] {
  if (!Array.isArray(value)) throw new UnusableRecord(`has ${where} that is not a list`);
  return value.map((item, index) => toMessage(item, `${where}[${index}]`));
}

function toMessage(item: unknown, where: string): Message {
  if (!isFields(item)) throw new UnusableRecord(`has ${where} that is not an object`);
  const name = item['role'] ?? item['from'];
  const role =
    typeof name === 'string' && Object.hasOwn(roleNames, name) ? roleNames[name] : undefined;
  if (role === undefined) {
    const known = Object.keys(roleNames).join(', ');
    throw new UnusableRecord(
      `has ${where} with the role ${JSON.stringify(name)}; known are ${known}`,
    );
  }
  if (name === 'function_call') return functionCall(item['value'], where);
  const { content, excluded } = toContent(item['content'] ?? item['value'], item, where);
  const fields = toFields(item, where);
  return {
    role,
    content,
    isTarget: item['train'] !== false,
    ...(excluded.length > 0 && { excluded }),
    ...(fields !== undefined && { fields }),
  };
}

function toContent(value: unknown, item: Fields, where: string) {
  if (typeof value === 'string') return { content: value.toWellFormed(), excluded: [] };
  // An assistant that only calls a tool has no content.
  if ((value === null || value === undefined) && item['tool_calls'] !== undefined) {
    return { content: '', excluded: [] };
  }
  if (!Array.isArray(value)) throw new UnusableRecord(`has ${where} without content`);
  let content = '';
  const excluded: Range[] = [];
  for (const part of value) {
    const text = isFields(part) && part['type'] === 'text' ? part['text'] : undefined;
    if (typeof text !== 'string')
      throw new UnusableRecord(`has ${where} with a part that is not text`);
    const start = content.length;
    content += text.toWellFormed();
    if (part['train'] === false) excluded.push({ start, end: content.length });
  }
  return { content, excluded };
}

function toFields(item: Fields, where: string): Fields | undefined {
  const fields: Record<string, unknown> = {};
  for (const key of passedOn) if (typeof item[key] === 'string') fields[key] = item[key];
  if (item['tool_calls'] !== undefined && item['tool_calls'] !== null) {
    if (!Array.isArray(item['tool_calls'])) {
      throw new UnusableRecord(`has ${where}.tool_calls that is not a list`);
    }
    fields['tool_calls'] = item['tool_calls'].map((call) => toToolCall(call, where));
  }
  return Object.keys(fields).length > 0 ? fields : undefined;
}

/** Templates read the arguments as an object; many records have them as JSON text. */
function toToolCall(call: unknown, where: string): unknown {
  if (!isFields(call))
    throw new UnusableRecord(`has ${where}.tool_calls with an entry that is not an object`);
  const body = isFields(call['function']) ? call['function'] : call;
  const parsed = typeof body['arguments'] === 'string' ? parseJson(body['arguments']) : undefined;
  const whole = { ...body, ...(isFields(parsed) && { arguments: parsed }) };
  const result =
    body === call ? { type: 'function', function: whole } : { ...call, function: whole };
  return checkedDepth(result, `${where}.tool_calls`);
}

function functionCall(value: unknown, where: string): Message {
  const call = typeof value === 'string' ? parseJson(value) : value;
  if (!isFields(call) || typeof call['name'] !== 'string') {
    throw new UnusableRecord(`has ${where} with a function_call that is not JSON with a name`);
  }
  const fields = { tool_calls: [toToolCall(call, where)] };
  return { role: 'assistant', content: '', isTarget: true, fields };
}

/** Tools as a list, or as JSON text of a list. */
export function toTools(value: unknown): readonly unknown[] | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const tools = typeof value === 'string' ? parseJson(value) : value;
  if (!Array.isArray(tools)) throw new UnusableRecord('has tools that are not a list');
  checkedDepth(tools, 'tools');
  return tools.length > 0 ? tools : undefined;
}

const maxDepth = 64;

/** Templates and threads walk these values recursively: bounds their depth against overflow. */
function checkedDepth<T>(value: T, where: string): T {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxDepth) throw new UnusableRecord(`has ${where} nested deeper than ${maxDepth}`);
    level = level.flatMap((item) =>
      typeof item === 'object' && item !== null ? Object.values(item) : [],
    );
  }
  return value;
}

function parseJson(text: string): unknown {
  try {
    return boundedJson(text, jsonLimits.record);
  } catch {
    // Callers check the value: text that is not JSON, or beyond the limits, is undefined.
    return undefined;
  }
}
