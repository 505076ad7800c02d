// Prints the TypeScript function of one operator.
import type { Parameter, Result, Schema, SchemaType } from './schema.ts';

/** Types of arguments that always keep their default. */
const neverPassed = new Set(['Layout', 'MemoryFormat', 'Generator']);

const plainTypes: Readonly<Record<string, string>> = {
  Tensor: 'Tensor',
  Scalar: 'Scalar',
  int: 'number | bigint',
  SymInt: 'number | bigint',
  float: 'number',
  bool: 'boolean',
  str: 'string',
  ScalarType: 'DType',
  Device: 'Device',
};

/** Sizes are numbers; lists of integers may have keys of random streams. */
const inLists: Readonly<Record<string, string>> = { int: '(number | bigint)', SymInt: 'number' };

export function printFunction(name: string, text: string, schema: Schema): string {
  const passed = schema.parameters.map((p) => (isPassed(p) ? p : undefined));
  const positional = passed.filter((p) => p !== undefined && !p.named) as Parameter[];
  const named = passed.filter((p) => p?.named) as Parameter[];
  const options = named.length === 0 ? [] : [printOptions(named)];
  const mayBeLeftOut = named.every(isOptional);
  const values = passed.map((p) => (p === undefined ? 'undefined' : printValue(p)));
  while (values.at(-1) === 'undefined') values.pop();
  const call = `call(${[`$${name}`, ...values].join(', ')})`;
  return [
    `const $${name} = operator(${quote(text)});`,
    `export function ${name}(${[...positional.map((p) => printPositional(p, mayBeLeftOut)), ...options].join(', ')}): ${printReturnType(schema)} {`,
    ...printBody(schema, call).map((line) => `  ${line}`),
    '}',
    '',
  ].join('\n');
}

function isPassed(parameter: Parameter): boolean {
  return !neverPassed.has(parameter.type.base) && parameter.name !== 'pin_memory';
}

/** Positional arguments are optional only where no option is required. */
function printPositional(parameter: Parameter, mayBeLeftOut: boolean): string {
  const type = printType(parameter.type);
  const name = identifier(parameter.name);
  if (!isOptional(parameter)) return `${name}: ${type}`;
  return mayBeLeftOut ? `${name}?: ${type}` : `${name}: ${type} | undefined`;
}

function printOptions(named: readonly Parameter[]): string {
  const fields = named.map((p) => {
    const optional = isOptional(p);
    return `readonly ${identifier(p.name)}${optional ? '?' : ''}: ${printType(p.type)}${optional ? ' | undefined' : ''}`;
  });
  const mark = named.every(isOptional) ? ' = {}' : '';
  return `options: { ${fields.join('; ')} }${mark}`;
}

/** `Tensor?` without a default is required: null must be passed explicitly. */
function isOptional(parameter: Parameter): boolean {
  return parameter.hasDefault;
}

function printType(type: SchemaType): string {
  const plain = plainTypes[type.base];
  if (plain === undefined) throw new RangeError(`${type.base} has no TypeScript type`);
  const element = type.optionalElement ? `(${plain} | null)` : plain;
  const whole = type.list ? `readonly ${inLists[type.base] ?? element}[]` : element;
  return type.optional ? `${whole} | null` : whole;
}

function printValue(parameter: Parameter): string {
  const name = identifier(parameter.name);
  const value = parameter.named ? `options.${name}` : name;
  const { base, list, optional, optionalElement } = parameter.type;
  const mayBeAbsent = optional || isOptional(parameter);
  if (base === 'Tensor' && list) {
    const wrapped = `${optionalElement ? 'optionalHandlesOf' : 'handlesOf'}(${value})`;
    return mayBeAbsent ? `${value} && ${wrapped}` : wrapped;
  }
  if (base === 'Tensor') return mayBeAbsent ? `${value}?.handle` : `${value}.handle`;
  if (base === 'ScalarType') {
    return mayBeAbsent ? `${value} && dtypeCode(${value})` : `dtypeCode(${value})`;
  }
  return value;
}

function printReturnType(schema: Schema): string {
  const { results } = schema;
  if (results.length === 0) return 'void';
  if (results.length === 1 && results[0] !== undefined) return printResultType(results[0]);
  const fields = results.map(
    (result, i) => `${result.name || `result${i}`}: ${printResultType(result)}`,
  );
  return `[${fields.join(', ')}]`;
}

function printResultType(result: Result): string {
  if (result.type.base !== 'Tensor') return printType(result.type);
  return result.type.list ? 'Tensor[]' : 'Tensor';
}

function printBody(schema: Schema, call: string): string[] {
  const [first, ...others] = schema.results;
  if (first === undefined) return [`${call};`];
  const written = schema.parameters.find(
    (p) => first.type.writes !== undefined && p.type.writes === first.type.writes,
  );
  if (others.length === 0 && written !== undefined) {
    return [`${call};`, `return ${identifier(written.name)};`];
  }
  if (others.length === 0) return [`return ${printMade(first, call)};`];
  const made = schema.results.map((result, i) => printMade(result, `made${i}`));
  const names = schema.results.map((_, i) => `made${i}`);
  return [`const [${names.join(', ')}] = results(${call});`, `return [${made.join(', ')}];`];
}

function printMade(result: Result, value: string): string {
  if (result.type.base === 'Tensor') {
    return `${result.type.list ? 'madeList' : 'made'}(${value})`;
  }
  return `${value} as ${printType(result.type)}`;
}

/** snake_case → camelCase; names that TypeScript reserves get an underscore. */
function identifier(name: string): string {
  const camel = name.replace(/(?<=\w)_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return ['default', 'in', 'var', 'new', 'function', 'options'].includes(camel)
    ? `${camel}_`
    : camel;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
