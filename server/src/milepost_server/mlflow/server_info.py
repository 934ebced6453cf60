"""`milepost.mlflow.v1.ServerService`."""

from __future__ import annotations

from milepost.mlflow import v1 as mlflow_pb
from milepost_server.calls.call import Call


class MlflowServerServicer:
    """What the server says of itself. What each field means is said in the proto."""

    async def get_server_info(
        self, request: mlflow_pb.GetServerInfoRequest, call: Call
    ) -> mlflow_pb.GetServerInfoResponse:
        return mlflow_pb.GetServerInfoResponse(
            store_type="SqlStore",
            workspaces_enabled=False,
            trace_archival_enabled=False,
            multipart_uploads_enabled=False,
            multipart_downloads_enabled=False,
            presigned_upload_run_id_supported=False,
            presigned_upload_model_id_supported=False,
            features_enabled=mlflow_pb.ServerFeatures(gateway=False),
        )
