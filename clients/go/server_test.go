// Package milepost_test proves that Go code generated from the protos works with a real server.
package milepost_test

import (
	"bufio"
	"context"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	_ "milepost.dev/go/inference"
	mlflowpb "milepost.dev/go/milepost/mlflow/v1"
	milepostpb "milepost.dev/go/milepost/v1"
)

const command = "../../.venv/bin/milepost"

var ready = regexp.MustCompile(`gRPC on (127\.0\.0\.1:\d+)`)

// connect starts a server on an empty folder, which ends with the test, and returns a connection to it.
func connect(t *testing.T) *grpc.ClientConn {
	t.Helper()
	folder := t.TempDir()
	log, err := os.Create(filepath.Join(folder, "server.log"))
	must(t, err)
	server := exec.Command(command, "server", "--grpc-port", "0", "--http-port", "0", "--drain-s", "1",
		"--data-dir", filepath.Join(folder, "data"))
	server.Stderr = log
	output, err := server.StdoutPipe()
	must(t, err)
	must(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		_ = server.Wait()
		_ = log.Close()
	})
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if found := ready.FindStringSubmatch(lines.Text()); found != nil {
			connection, err := grpc.NewClient(found[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
			must(t, err)
			t.Cleanup(func() { _ = connection.Close() })
			return connection
		}
	}
	written, _ := os.ReadFile(log.Name())
	t.Fatalf("the server did not start: %s", written)
	return nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestGeneratedCodeWorksWithAServer(t *testing.T) {
	connection := connect(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	info, err := milepostpb.NewServerServiceClient(connection).GetServerInfo(ctx, &milepostpb.GetServerInfoRequest{})
	must(t, err)
	if info.GetServer().GetDatabase() != "sqlite" {
		t.Errorf("the database is %q", info.GetServer().GetDatabase())
	}

	tracking := milepostpb.NewTrackingServiceClient(connection)
	created, err := tracking.CreateRun(ctx, &milepostpb.CreateRunRequest{Run: &milepostpb.Run{Name: "Größe"}})
	must(t, err)
	runID := created.GetRun().GetRunId()

	values := []float64{math.Copysign(0, -1), math.Inf(1), math.Float64frombits(0x7ff8_0000_0000_beef)}
	streamPoints(ctx, t, milepostpb.NewMetricServiceClient(connection), runID, values)
	checkPoints(ctx, t, milepostpb.NewMetricServiceClient(connection), runID, values)

	_, err = tracking.GetRun(ctx, &milepostpb.GetRunRequest{RunId: "nobody"})
	if reason := reasonOf(err); status.Code(err) != codes.NotFound || reason != "RUN_NOT_FOUND" {
		t.Errorf("the error is %v (%s)", err, reason)
	}

	asked := &mlflowpb.GetRunRequest{RunId: &runID}
	seen, err := mlflowpb.NewRunServiceClient(connection).GetRun(ctx, asked)
	must(t, err)
	if seen.GetRun().GetInfo().GetRunName() != "Größe" {
		t.Errorf("MLflow's dialect names the run %q", seen.GetRun().GetInfo().GetRunName())
	}
}

// streamPoints sends one batch and waits until it is acknowledged.
func streamPoints(
	ctx context.Context, t *testing.T, metrics milepostpb.MetricServiceClient, runID string, values []float64,
) {
	t.Helper()
	stream, err := metrics.StreamMetrics(ctx)
	must(t, err)
	open := &milepostpb.StreamMetricsOpen{RunId: runID, WriterId: "go"}
	must(t, stream.Send(&milepostpb.StreamMetricsRequest{Message: &milepostpb.StreamMetricsRequest_Open{Open: open}}))
	batch := &milepostpb.StreamMetricsBatch{
		Sequence: 1,
		Metrics:  []*milepostpb.MetricPoints{{Key: "loss", Values: values}},
	}
	must(t, stream.Send(&milepostpb.StreamMetricsRequest{Message: &milepostpb.StreamMetricsRequest_Batch{Batch: batch}}))
	for acknowledged := int64(0); acknowledged < 1; {
		answer, err := stream.Recv()
		must(t, err)
		if rejected := answer.GetRejected(); rejected != nil {
			t.Fatalf("the batch was rejected: %v", rejected.GetError())
		}
		acknowledged = answer.GetAck().GetDurableSequence()
	}
	must(t, stream.CloseSend())
}

// checkPoints reads the points again and compares them bit for bit.
func checkPoints(
	ctx context.Context, t *testing.T, metrics milepostpb.MetricServiceClient, runID string, values []float64,
) {
	t.Helper()
	history, err := metrics.ListMetricHistory(ctx, &milepostpb.ListMetricHistoryRequest{RunId: runID, MetricKey: "loss"})
	must(t, err)
	read := history.GetPoints().GetValues()
	if len(read) != len(values) {
		t.Fatalf("%d points came back of %d", len(read), len(values))
	}
	for index, value := range values {
		if math.Float64bits(read[index]) != math.Float64bits(value) {
			t.Errorf("point %d is %v and was %v", index, read[index], value)
		}
	}
}

func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}
