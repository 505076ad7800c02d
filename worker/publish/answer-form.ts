// What can be told of an answer without understanding it: its length, its form, words that it has.

export type AnswerForm =
  | { readonly type: 'Words'; readonly least?: number; readonly most?: number }
  | { readonly type: 'Sentences'; readonly exactly: number }
  /** Lines that begin with a bullet, and no other ones. */
  | { readonly type: 'Bullets'; readonly exactly: number }
  /** Lines that begin with 1., 2. and so on, and no other ones. */
  | { readonly type: 'Numbered'; readonly exactly: number }
  | { readonly type: 'Paragraphs'; readonly exactly: number }
  /** Each of these words, in any case. */
  | { readonly type: 'Contains'; readonly words: readonly string[] }
  /** A text of a few words without these characters. */
  | { readonly type: 'Without'; readonly characters: string }
  | { readonly type: 'Begins'; readonly text: string }
  | { readonly type: 'Ends'; readonly text: string }
  | { readonly type: 'Enclosed'; readonly begin: string; readonly end: string }
  | { readonly type: 'Case'; readonly is: 'Upper' | 'Lower' }
  /** An object with these keys, bare or in a block of code. */
  | { readonly type: 'Json'; readonly keys: readonly string[] }
  | { readonly type: 'Number'; readonly value: number }
  | { readonly type: 'OneOf'; readonly choices: readonly string[] }
  | { readonly type: 'Separated'; readonly by: string; readonly exactly: number }
  | { readonly type: 'Language'; readonly is: keyof typeof commonWords };

/** Words that nearly every text of a language has, and English has not. */
const commonWords = {
  German: ['der', 'die', 'das', 'und', 'ist', 'ein', 'eine', 'ich', 'nicht', 'sie', 'mit'],
  French: ['le', 'la', 'les', 'et', 'est', 'un', 'une', 'je', 'des', 'il', 'que'],
  Spanish: ['el', 'los', 'y', 'es', 'un', 'una', 'que', 'de', 'la', 'las', 'con'],
  Italian: ['il', 'e', 'un', 'una', 'che', 'di', 'la', 'i', 'sono', 'per', 'con'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** Whether an answer has the form that was asked for; an empty one has none. */
export function hasForm(form: AnswerForm, answer: string): boolean {
  const text = answer.trim();
  return text !== '' && checked(form, text);
}

function checked(form: AnswerForm, text: string): boolean {
  switch (form.type) {
    case 'Words': {
      const count = wordsOf(text).length;
      return count >= (form.least ?? 1) && count <= (form.most ?? Number.POSITIVE_INFINITY);
    }
    case 'Sentences':
      return (text.match(/[.!?]+(?=\s|$)/g) ?? []).length === form.exactly;
    case 'Bullets':
      return isList(text, form.exactly, () => /^[-*•] +\S/);
    case 'Numbered':
      return isList(text, form.exactly, (index) => new RegExp(`^${index + 1}[.)] +\\S`));
    case 'Paragraphs':
      return text.split(/\n\s*\n/).length === form.exactly;
    case 'Contains': {
      const words = new Set(wordsOf(text.toLowerCase()));
      return form.words.every((word) => words.has(word));
    }
    case 'Without':
      return wordsOf(text).length >= fewWords && !anyOf(form.characters).test(text);
    case 'Begins':
      return text.startsWith(form.text);
    case 'Ends':
      return text.endsWith(form.text);
    case 'Enclosed':
      return (
        text.length > form.begin.length + form.end.length &&
        text.startsWith(form.begin) &&
        text.endsWith(form.end)
      );
    case 'Case':
      return (
        /\p{L}/u.test(text) &&
        text === (form.is === 'Upper' ? text.toUpperCase() : text.toLowerCase())
      );
    case 'Json':
      return isObjectWith(text, form.keys);
    case 'Number':
      return Number(text.replace(/[.]$/, '')) === form.value;
    case 'OneOf':
      return form.choices.includes(text.toLowerCase().replace(/[.!]$/, ''));
    case 'Separated': {
      const parts = text.split(form.by);
      return parts.length === form.exactly && parts.every((part) => part.trim() !== '');
    }
    case 'Language':
      return isIn(form.is, text);
  }
}

/** A shorter answer may lack a letter by accident. */
const fewWords = 4;

function wordsOf(text: string): readonly string[] {
  return text.match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu) ?? [];
}

function anyOf(characters: string): RegExp {
  return new RegExp(`[${characters.replace(/[\]\\^-]/g, '\\$&')}]`, 'i');
}

function isList(text: string, exactly: number, item: (index: number) => RegExp): boolean {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return (
    lines.length === exactly && lines.every((line, index) => item(index).test(line.trimStart()))
  );
}

function isObjectWith(text: string, keys: readonly string[]): boolean {
  const [, fenced] = /^```(?:json)?\n([\s\S]*)\n```$/.exec(text) ?? [];
  try {
    const value: unknown = JSON.parse(fenced ?? text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    return keys.every((key) => Object.hasOwn(value, key));
  } catch {
    return false;
  }
}

/** Of its words, one in ten is common in this language, and more are than in any other one. */
function isIn(language: keyof typeof commonWords, text: string): boolean {
  const words = wordsOf(text.toLowerCase());
  const share = (common: readonly string[]): number =>
    words.filter((word) => common.includes(word)).length / Math.max(1, words.length);
  const own = share(commonWords[language]);
  const english = share(['the', 'and', 'is', 'of', 'to', 'a', 'in', 'it', 'are', 'that']);
  const others = Object.entries(commonWords).filter(([name]) => name !== language);
  return own >= 0.1 && own > english && others.every(([, common]) => own >= share(common));
}
