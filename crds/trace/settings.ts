// Where traces are sent to, by the variables that every OpenTelemetry program reads. The exporter
// reads the rest of them itself (headers, certificates, compression); these decide whether there is
// one.

export type TraceSettings =
  | { readonly type: 'Off' }
  | {
      readonly type: 'On';
      /** Address that spans are sent to. */
      readonly endpoint: string;
      readonly timeoutMs: number;
    }
  /** Asked for in a way that is not built: said once, and nothing is sent. */
  | { readonly type: 'Refused'; readonly message: string };

type Variables = Readonly<Record<string, string | undefined>>;

const one = 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
const all = 'OTEL_EXPORTER_OTLP_ENDPOINT';

export function traceSettings(variables: Variables): TraceSettings {
  const named = [one, all].find((name) => (variables[name] ?? '') !== '');
  if (named === undefined || isOff(variables)) return { type: 'Off' };
  const endpoint = variables[named] ?? '';
  const protocolName = `OTEL_EXPORTER_OTLP${variables['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] ? '_TRACES' : ''}_PROTOCOL`;
  const protocol = variables[protocolName] ?? 'http/protobuf';
  if (protocol !== 'http/protobuf') {
    const message = `${protocolName} is "${protocol}"; traces are sent by http/protobuf alone, mostly on port 4318, and none is sent`;
    return { type: 'Refused', message };
  }
  if (!isHttp(endpoint)) {
    const message = `${named} is "${endpoint}"; it must be an address such as http://collector:4318, and no trace is sent`;
    return { type: 'Refused', message };
  }
  // The one for all signals is the root of several addresses; the one for traces is taken as it is.
  const address = named === one ? endpoint : `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  return { type: 'On', endpoint: address, timeoutMs: timeoutOf(variables) };
}

/** Nobody should wait longer for the end of a program than this; who wants less says so. */
const longestMs = 3_000;

function timeoutOf(variables: Variables): number {
  const asked = Number(
    variables['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT'] ?? variables['OTEL_EXPORTER_OTLP_TIMEOUT'],
  );
  return asked > 0 ? Math.min(asked, longestMs) : longestMs;
}

function isOff(variables: Variables): boolean {
  return (
    variables['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' ||
    variables['OTEL_TRACES_EXPORTER'] === 'none'
  );
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
