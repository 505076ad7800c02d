// A conversation → its text and the target ranges in it: the assistant's turns with the token that
// ends them. There are three ways to find the turns: tags of the template, growing conversations
// (each rendering must begin with the one before), markers of the family. The first one that passes
// its check on the actual text is used.

import { UnusableRecord } from '../files/unusable-record.ts';
import { type ChatTemplate, tagMarks } from './chat-template.ts';
import type { ChatSample, Message, Range } from './sample.ts';
import { markersIn } from './turn-markers.ts';

interface RenderedChat {
  readonly text: string;
  /**
   * Ranges of the assistant's turns, sorted, disjoint. Throws UnusableRecord where they cannot be
   * told apart. Renders twice for each turn, so it is asked only for what is kept.
   */
  targets(): readonly Range[];
}

/**
 * `endTexts` are the texts of special tokens; blanks that a template prints after one are not part
 * of the assistant's turn.
 */
export function renderChat(
  sample: ChatSample,
  template: ChatTemplate,
  endTexts: readonly string[],
): RenderedChat {
  const text = template.render(sample.messages, sample.tools, false);
  return { text, targets: () => targetsOf(text, sample, template, endTexts) };
}

function targetsOf(
  text: string,
  sample: ChatSample,
  template: ChatTemplate,
  endTexts: readonly string[],
): readonly Range[] {
  const speaking = sample.messages.filter((message) => message.role === 'assistant');
  const turns =
    byTags(text, sample, template, speaking.length) ??
    byGrowth(text, sample, template, endTexts) ??
    byMarkers(text);
  if (turns === undefined || !holdContents(text, turns, speaking)) {
    throw new UnusableRecord(
      `has ${speaking.length} turns of the assistant that cannot be told apart in the text of the chat template`,
    );
  }
  return turns.flatMap((turn, index) => targetRanges(text, turn, speaking[index]));
}

const marked = new RegExp(
  `${tagMarks.begin}([^${tagMarks.begin}${tagMarks.end}]*)${tagMarks.end}`,
  'g',
);

/** Ranges between the marks, where the text without them equals `text`. */
function byTags(
  text: string,
  sample: ChatSample,
  template: ChatTemplate,
  count: number,
): readonly Range[] | undefined {
  const tagged = template.tagged?.(sample.messages, sample.tools, false);
  if (tagged?.replace(marked, '$1') !== text) return undefined;
  const turns = [...tagged.matchAll(marked)].map((match, index) => {
    const start = match.index - 2 * index;
    return { start, end: start + match[0].length - 2 };
  });
  return turns.length === count ? turns : undefined;
}

/**
 * Renders the conversation up to each turn of the assistant, without and with the turn. The last
 * turn must also end the same way before another question: otherwise a token with which the
 * template ends every text would be a target in some records only.
 */
function byGrowth(
  text: string,
  sample: ChatSample,
  template: ChatTemplate,
  endTexts: readonly string[],
): readonly Range[] | undefined {
  const { messages, tools } = sample;
  const turns: Range[] = [];
  let last = 0;
  for (const [index, message] of messages.entries()) {
    if (message.role !== 'assistant') continue;
    const before = attempt(() => template.render(messages.slice(0, index), tools, true));
    const after = attempt(() => template.render(messages.slice(0, index + 1), tools, false));
    if (before === undefined || after === undefined) return undefined;
    const grows = text.startsWith(after) && after.startsWith(before) && before.length >= last;
    if (!grows) return undefined;
    turns.push({ start: before.length, end: withoutBlanks(after, before.length, endTexts) });
    last = after.length;
  }
  return acceptsFollowUp(text, sample, template) ? turns : undefined;
}

function acceptsFollowUp(
  text: string,
  { messages, tools }: ChatSample,
  template: ChatTemplate,
): boolean {
  if (messages.at(-1)?.role !== 'assistant') return true;
  const question: Message = { role: 'user', content: '?', isTarget: false };
  return (
    attempt(() => template.render([...messages, question], tools, false))?.startsWith(text) === true
  );
}

/** A template may refuse a part of a conversation although it accepts the whole. */
function attempt(render: () => string): string | undefined {
  try {
    return render();
  } catch (error) {
    if (error instanceof UnusableRecord) return undefined;
    throw error;
  }
}

/** The end of a turn without the line end that many templates print after the end token. */
function withoutBlanks(text: string, start: number, endTexts: readonly string[]): number {
  const end = text.trimEnd().length;
  const stops = end > start && endTexts.some((token) => text.endsWith(token, end));
  return stops ? end : text.length;
}

function byMarkers(text: string): readonly Range[] | undefined {
  const markers = markersIn(text);
  if (markers === undefined) return undefined;
  const turns: Range[] = [];
  for (let at = text.indexOf(markers.begin); at >= 0; at = text.indexOf(markers.begin, at)) {
    const start = at + markers.begin.length;
    const stop = text.indexOf(markers.end, start);
    if (stop < 0) return undefined;
    at = stop + markers.end.length;
    turns.push({ start, end: at });
  }
  return turns;
}

/** One turn for each message, containing its text; the template may drop reasoning. */
function holdContents(
  text: string,
  turns: readonly Range[],
  speaking: readonly Message[],
): boolean {
  if (turns.length !== speaking.length) return false;
  return turns.every(({ start, end }, index) => {
    const content = speaking[index]?.content ?? '';
    const turn = text.slice(start, end);
    return turn.includes(content.trim()) || turn.includes(withoutReasoning(content));
  });
}

function withoutReasoning(content: string): string {
  return content.replace(/^.*<\/think>/s, '').trim();
}

/** The turn without the ranges that its message excludes. */
function targetRanges(text: string, turn: Range, message: Message | undefined): Range[] {
  if (message === undefined || !message.isTarget || turn.start === turn.end) return [];
  if (message.excluded === undefined) return [turn];
  const content = text.indexOf(message.content, turn.start);
  if (content < 0 || content + message.content.length > turn.end) {
    throw new UnusableRecord('excludes parts of a turn that the chat template rewrites');
  }
  const targets: Range[] = [];
  let start = turn.start;
  for (const range of message.excluded) {
    if (content + range.start > start) targets.push({ start, end: content + range.start });
    start = content + range.end;
  }
  return start < turn.end ? [...targets, { start, end: turn.end }] : targets;
}
