import test from 'ava';
import { traceSettings } from '../../../crds/trace/settings.ts';

const all = 'OTEL_EXPORTER_OTLP_ENDPOINT';
const one = 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';

test('without an address nothing is sent, and with one it can be switched off', (t) => {
  const off = { type: 'Off' } as const;
  t.deepEqual(traceSettings({}), off);
  t.deepEqual(traceSettings({ [all]: '' }), off);
  t.deepEqual(traceSettings({ [all]: 'http://c:4318', OTEL_SDK_DISABLED: 'true' }), off);
  t.deepEqual(traceSettings({ [all]: 'http://c:4318', OTEL_TRACES_EXPORTER: 'none' }), off);
});

test('the address for all signals is a root, that for traces is taken as it is', (t) => {
  const on = (endpoint: string) => ({ type: 'On', endpoint, timeoutMs: 3000 }) as const;
  t.deepEqual(traceSettings({ [all]: 'http://c:4318' }), on('http://c:4318/v1/traces'));
  t.deepEqual(traceSettings({ [all]: 'https://c/otlp/' }), on('https://c/otlp/v1/traces'));
  t.deepEqual(traceSettings({ [one]: 'http://t/x', [all]: 'http://c:4318' }), on('http://t/x'));
});

test('nobody waits longer than three seconds, and less where that is asked for', (t) => {
  const timeout = (more: Record<string, string>) => {
    const found = traceSettings({ [all]: 'http://c:4318', ...more });
    return found.type === 'On' ? found.timeoutMs : undefined;
  };
  t.is(timeout({ OTEL_EXPORTER_OTLP_TIMEOUT: '60000' }), 3000);
  t.is(timeout({ OTEL_EXPORTER_OTLP_TIMEOUT: '500' }), 500);
  t.is(timeout({ OTEL_EXPORTER_OTLP_TIMEOUT: 'soon' }), 3000);
  t.is(timeout({ OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '200', OTEL_EXPORTER_OTLP_TIMEOUT: '1' }), 200);
});

test('another protocol and an address that is none are refused with a sentence', (t) => {
  t.deepEqual(traceSettings({ [all]: 'http://c:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }), {
    type: 'Refused',
    message:
      'OTEL_EXPORTER_OTLP_PROTOCOL is "grpc"; traces are sent by http/protobuf alone, mostly on port 4318, and none is sent',
  });
  const refused = traceSettings({ [one]: 'collector:4318' });
  t.is(refused.type, 'Refused');
  t.deepEqual(refused, {
    type: 'Refused',
    message:
      'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is "collector:4318"; it must be an address such as http://collector:4318, and no trace is sent',
  });
});
