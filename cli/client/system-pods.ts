// The parts of the project that run in a cluster, by the labels that the chart gives them.

export function partsOf(component: 'operator' | 'nats'): string {
  return `app.kubernetes.io/name=anneal,app.kubernetes.io/component=${component}`;
}
