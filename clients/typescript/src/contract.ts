/** The messages, enums and services of `milepost.v1`. */

export * from "./gen/milepost/v1/annotations_pb.js";
export * from "./gen/milepost/v1/artifact_pb.js";
export * from "./gen/milepost/v1/artifact_service_pb.js";
export * from "./gen/milepost/v1/dataset_pb.js";
export * from "./gen/milepost/v1/errors_pb.js";
export * from "./gen/milepost/v1/experiment_pb.js";
export * from "./gen/milepost/v1/import_service_pb.js";
export * from "./gen/milepost/v1/logged_model_pb.js";
export * from "./gen/milepost/v1/logged_model_service_pb.js";
export * from "./gen/milepost/v1/metric_pb.js";
export * from "./gen/milepost/v1/metric_service_pb.js";
export * from "./gen/milepost/v1/param_pb.js";
export * from "./gen/milepost/v1/prediction_pb.js";
export * from "./gen/milepost/v1/prediction_service_pb.js";
export * from "./gen/milepost/v1/registered_model_pb.js";
export * from "./gen/milepost/v1/registry_event_pb.js";
export * from "./gen/milepost/v1/registry_service_pb.js";
export * from "./gen/milepost/v1/run_pb.js";
export * from "./gen/milepost/v1/served_model_pb.js";
export * from "./gen/milepost/v1/server_service_pb.js";
export * from "./gen/milepost/v1/serving_service_pb.js";
export * from "./gen/milepost/v1/tracking_service_pb.js";
export * from "./gen/milepost/v1/webhook_pb.js";
export * from "./gen/milepost/v1/webhook_service_pb.js";
