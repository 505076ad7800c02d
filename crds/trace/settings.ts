// The trace endpoint, from the standard OpenTelemetry variables. The exporter reads the other ones
// itself (headers, certificates, compression); these decide whether to export at all.

export type TraceSettings =
  | { readonly type: 'Off' }
  | {
      readonly type: 'On';
      /** Endpoint of the export. */
      readonly endpoint: string;
      readonly timeoutMs: number;
    }
  /** Requested in an unsupported way: reported once, and nothing is exported. */
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
  // The endpoint for all signals is a root; the one for traces is used unchanged.
  const address = named === one ? endpoint : `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  return { type: 'On', endpoint: address, timeoutMs: timeoutOf(variables) };
}

/** The longest delay at the end of a program; users can set less. */
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
