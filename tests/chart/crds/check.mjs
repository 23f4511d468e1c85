// Custom resources on standard input, as a JSON list; what is wrong with each on standard output.
//
// The validators let pass what they do not know, as the API server does when it prunes. So each key
// is also given a value that none can have: whom that does not disturb, the schema does not know.
import { readFileSync } from "node:fs";
import { HTTPRoute } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1";
import * as prometheus from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

const MODELS = { HTTPRoute, ...prometheus };

function faults(object) {
  const { apiVersion, kind, ...rest } = object;
  try {
    const model = new MODELS[kind](rest);
    if (model.apiVersion !== apiVersion) return [`/apiVersion is ${apiVersion}`];
    model.validate();
    return [];
  } catch (error) {
    if (!error.errors) throw error;
    return error.errors.map((e) => `${e.instancePath} ${e.message}`);
  }
}

function unknown(object) {
  const found = [];
  const walk = (here, path) => {
    for (const key of Object.keys(here)) {
      const kept = here[key];
      here[key] = typeof kept === "number" ? { none: 1 } : 0.5;
      if (faults(object).length === 0) found.push(`${path}/${key} is not known`);
      here[key] = kept;
      if (kept !== null && typeof kept === "object") walk(kept, `${path}/${key}`);
    }
  };
  walk(object.spec, "/spec");
  return found;
}

const objects = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(objects.map((o) => [...faults(o), ...unknown(o)])));
