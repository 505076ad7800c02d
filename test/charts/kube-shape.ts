// What the fields of Kubernetes' own kinds are called and take, from the models that the official
// client is generated with. Says which fields of an object no API server knows, and which have a
// value of another type.
import * as client from '@kubernetes/client-node';

interface Attribute {
  readonly baseName: string;
  readonly type: string;
}

const models = client as unknown as Readonly<
  Record<string, { getAttributeTypeMap?: () => Attribute[] } | undefined>
>;

/** Undefined for a kind that the client has no model of. */
export function shapeProblems(object: { apiVersion: string; kind: string }) {
  const version = object.apiVersion.split('/').at(-1) ?? '';
  const model = `${version[0]?.toUpperCase()}${version.slice(1)}${object.kind}`;
  return attributesOf(model) === undefined ? undefined : problems(object, model, object.kind);
}

function problems(value: unknown, type: string, path: string): readonly string[] {
  const list = /^Array<(.*)>$/.exec(type)?.[1];
  if (list !== undefined) {
    if (!Array.isArray(value)) return [`${path} is no list`];
    return value.flatMap((each, index) => problems(each, list, `${path}[${index}]`));
  }
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type)?.[1];
  if (map !== undefined) {
    if (!isObject(value)) return [`${path} is no map`];
    return Object.entries(value).flatMap(([key, each]) => problems(each, map, `${path}.${key}`));
  }
  const attributes = attributesOf(type);
  if (attributes === undefined) return isScalar(value, type) ? [] : [`${path} is no ${type}`];
  if (!isObject(value)) return [`${path} is no object`];
  return Object.entries(value).flatMap(([key, each]) => {
    const attribute = attributes.find(({ baseName }) => baseName === key);
    if (attribute === undefined) return [`${path}.${key} is no field of ${type}`];
    return problems(each, attribute.type, `${path}.${key}`);
  });
}

function attributesOf(type: string): readonly Attribute[] | undefined {
  return models[type]?.getAttributeTypeMap?.();
}

function isScalar(value: unknown, type: string): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string';
    case 'number':
      return typeof value === 'number';
    case 'boolean':
      return typeof value === 'boolean';
    case 'IntOrString':
      return typeof value === 'number' || typeof value === 'string';
    case 'any':
      return true;
    default:
      return false;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
