// Parses the schema text of an operator: `aten::add.Tensor(Tensor self, …, *, Scalar alpha=1) ->
// Tensor`.

export interface Schema {
  /** `aten::add` and `Tensor`; the overload may be empty. */
  readonly name: string;
  readonly overload: string;
  readonly parameters: readonly Parameter[];
  readonly results: readonly Result[];
}

export interface Parameter {
  readonly name: string;
  readonly type: SchemaType;
  readonly hasDefault: boolean;
  /** Follows `*`. */
  readonly named: boolean;
}

export interface Result {
  /** Empty where the schema has none. */
  readonly name: string;
  readonly type: SchemaType;
}

export interface SchemaType {
  /** `Tensor`, `int`, `SymInt`, `ScalarType`, … */
  readonly base: string;
  readonly list: boolean;
  readonly optional: boolean;
  readonly optionalElement: boolean;
  /** The alias letter of an argument that is written, as in `Tensor(a!)`. */
  readonly writes: string | undefined;
}

export function parseSchema(text: string): Schema {
  const open = text.indexOf('(');
  const close = closing(text, open);
  const arrow = text.indexOf('->', close);
  if (open < 0 || close < 0 || arrow < 0) {
    throw new SyntaxError(`'${text}' is not the text of an operator`);
  }
  const [name = '', overload = ''] = text.slice(0, open).split('.');
  return {
    name,
    overload,
    parameters: parseParameters(text.slice(open + 1, close)),
    results: parseResults(text.slice(arrow + 2).trim()),
  };
}

function parseParameters(text: string): Parameter[] {
  const parameters: Parameter[] = [];
  let named = false;
  for (const part of splitTopLevel(text)) {
    if (part === '*') {
      named = true;
      continue;
    }
    const equals = part.indexOf('=');
    const declaration = equals < 0 ? part : part.slice(0, equals);
    const space = declaration.lastIndexOf(' ');
    parameters.push({
      name: declaration.slice(space + 1),
      type: parseType(declaration.slice(0, space)),
      hasDefault: equals >= 0,
      named,
    });
  }
  return parameters;
}

function parseResults(text: string): Result[] {
  const inner = text.startsWith('(') ? text.slice(1, -1) : text;
  return splitTopLevel(inner).map((part) => {
    const match = /^(.*?[\])?\w]) (\w+)$/.exec(part);
    const [, type = part, name = ''] = match ?? [];
    return { name, type: parseType(type) };
  });
}

function parseType(text: string): SchemaType {
  const writes = /\(([a-z]+)!/.exec(text)?.[1];
  const plain = text.replace(/\([^)]*\)/g, '');
  const match = /^(\w+)(\?)?(?:(\[\d*\])(\?)?)?$/.exec(plain);
  if (match === null) throw new SyntaxError(`'${text}' is not a type that is read here`);
  const [, base = '', mark, brackets, listMark] = match;
  const list = brackets !== undefined;
  return {
    base,
    list,
    optional: list ? listMark !== undefined : mark !== undefined,
    optionalElement: list && mark !== undefined,
    writes,
  };
}

/** Splits at commas outside brackets and quotes. */
function splitTopLevel(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quoted = false;
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    const char = text[i];
    if (char === '"') quoted = !quoted;
    if (!quoted && (char === '(' || char === '[')) depth++;
    if (!quoted && (char === ')' || char === ']')) depth--;
    if (char === undefined || (char === ',' && depth === 0 && !quoted)) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  return parts.filter((part) => part !== '');
}

function closing(text: string, open: number): number {
  let depth = 0;
  let quoted = false;
  for (let i = open; i < text.length; i++) {
    if (text[i] === '"') quoted = !quoted;
    if (quoted) continue;
    if (text[i] === '(') depth++;
    if (text[i] === ')' && --depth === 0) return i;
  }
  return -1;
}
