"""The HTTP listener: an ASGI application made from the handler table and the HTTP rules of its descriptors.

`routes` finds the method of a path, its `dialect` reads the request and says how answers and errors look,
`transcoder` runs the method, `json_codec` converts messages, `app` guards and serves all of it.
"""
