package backend

import (
	"context"
	"fmt"
	"strconv"

	"github.com/go-redis/redis/v8"

	"github.com/pronghorn-faas/pronghorn/kvstore"
)

// redisDocument has the fields of a document's hash.
type redisDocument struct {
	Data  string `redis:"data"`
	Count int64  `redis:"count"`
}

func (s *redisStore) ReadDocument(ctx context.Context, key string) (kvstore.Document, error) {
	fields := s.db.HMGet(ctx, documentKeyOf(key), "data", "count")
	if err := fields.Err(); err != nil {
		return kvstore.Document{}, redisError("read document "+key, err)
	}
	return decodeDocument(key, fields)
}

func decodeDocument(key string, fields *redis.SliceCmd) (kvstore.Document, error) {
	var d redisDocument
	if err := fields.Scan(&d); err != nil {
		return kvstore.Document{}, fmt.Errorf("stored document %q is damaged: delete it: %w", key, err)
	}
	if d.Count == 0 {
		return kvstore.Document{}, noDocument(key)
	}
	return kvstore.Document{Data: []byte(d.Data), Count: d.Count}, nil
}

func (s *redisStore) WriteDocument(ctx context.Context, key string, expected int64, data []byte) (int64, bool, error) {
	want := ""
	if expected >= 0 {
		want = strconv.FormatInt(expected, 10)
	}
	res, err := s.scripts.writeDocument.Run(ctx, s.db, []string{documentKeyOf(key)}, want, data).Int64Slice()
	if err == nil && len(res) != 2 {
		err = fmt.Errorf("answered %v to the script: want two numbers", res)
	}
	if err != nil {
		return 0, false, redisError("write document "+key, err)
	}
	return res[1], res[0] == 1, nil
}

func (s *redisStore) DeleteDocument(ctx context.Context, key string) (bool, error) {
	n, err := s.db.Del(ctx, documentKeyOf(key)).Result()
	return n > 0, redisError("delete document "+key, err)
}
