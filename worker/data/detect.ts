// Detects the shape of a data set's records from the first ones. Exactly one shape must fit most of
// them; otherwise the job ends, naming the shapes and the field to set.
import { UserError } from '../../crds/failures/errors.ts';
import { type Format, type Shape, shapes } from './formats.ts';
import { isFields } from './messages.ts';

/** How many records are examined. */
export const sampleForDetection = 100;

export function detectShape(records: readonly unknown[], format: Format | 'Auto'): Shape {
  const objects = records.filter(isFields);
  const candidates = shapes.filter((shape) => isCandidate(shape, format));
  const fitting = candidates.filter(
    (shape) => objects.filter((record) => shape.claims(record)).length * 2 > records.length,
  );
  const [shape, other] = fitting;
  if (shape !== undefined && other === undefined) return shape;
  throw new UserError({
    code: 'E_INVALID_DATA',
    path: 'spec.dataset.format',
    ...(shape === undefined || other === undefined
      ? unknownShape(objects, candidates, format)
      : twoShapes(shape, other, format)),
  });
}

/** A text that has a class, or a sound, is also a text: only the job says what is wanted. */
function isCandidate({ formats }: Shape, format: Format | 'Auto'): boolean {
  return format === 'Auto' ? !formats.some(isAskedFor) : formats.includes(format);
}

function isAskedFor(format: Format): boolean {
  return wanted.has(format);
}

const wanted: ReadonlySet<Format> = new Set([
  ...['TextClassification', 'ImageClassification', 'ImagePair', 'Audio', 'Video'],
] as const);

function twoShapes(one: Shape, other: Shape, format: Format | 'Auto') {
  const formats = [...new Set([...one.formats, ...other.formats])];
  const telling = formats.filter(
    (name) => one.formats.includes(name) !== other.formats.includes(name),
  );
  const message =
    `the first records can be read as ${one.name} (${one.keys.join(', ')}) ` +
    `and as ${other.name} (${other.keys.join(', ')}); only one may fit`;
  const hint =
    format === 'Auto' && telling.length > 0
      ? `set spec.dataset.format to ${telling.join(' or ')}`
      : 'remove the fields of one of the two from the records';
  return { message, hint };
}

function unknownShape(
  objects: readonly Readonly<Record<string, unknown>>[],
  candidates: readonly Shape[],
  format: Format | 'Auto',
) {
  const seen = [...new Set(objects.flatMap((record) => Object.keys(record)))].slice(0, 12);
  const wanted = candidates.map((shape) => `${shape.name} (${shape.keys.join(', ')})`).join('; ');
  const found = seen.length === 0 ? 'are not objects with fields' : `have ${seen.join(', ')}`;
  const asked = format === 'Auto' ? 'a known shape' : `the format ${format}`;
  return {
    message: `the first records ${found}; ${asked} needs most of them to be one of: ${wanted}`,
    hint: 'rename the fields, or set spec.dataset.format where the format is another',
  };
}
